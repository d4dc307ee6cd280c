// Redis servers of our own, which keep nothing, on ports that are free.

import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import { ended } from './child.ts'
import { closing } from './closing.ts'

const START_MS = 30_000

export type OwnRedis = { url: string; pid: number; client: Redis; close(): Promise<void> }

export async function startRedis(): Promise<OwnRedis> {
  const port = await freePort()
  const keepsNothing = ['--save', '', '--appendonly', 'no', '--lazyfree-lazy-expire', 'yes']
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', ...keepsNothing], {
    stdio: 'ignore',
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => 50 })
  client.on('error', () => {})
  await started(child, client)
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid!,
    client,
    close: closing(async () => {
      client.disconnect()
      await ended(child)
    }),
  }
}

async function started(child: ChildProcess, client: Redis): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', ({ message }) =>
      reject(new Error(`redis-server: ${message}. On Debian: apt-get install redis-server`)),
    )
    child.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}`)))
    setTimeout(() => reject(new Error('redis-server does not start')), START_MS).unref()
  })
  failed.catch(() => {})
  await Promise.race([client.ping(), failed])
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
