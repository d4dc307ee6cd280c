// Starts the server of `npm start` for the HTTP suite: a process of its own, over embedded stores or real ones. Real ones are two
// databases of counters, and the suite's tenants are spread over both.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestProject } from 'vitest/node'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedisFor, real } from '../support/redis.ts'
import type { Started } from './harness.ts'
import { oneInEach } from './one-in-each.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const database = real ? await freshDatabase() : null
  const { close, ...server } = await startNode(database ? await realStores(project.name, database.url) : {})
  project.provide('server', { ...server, ...(real && { spreadOver: await oneInEach(server) }) })
  return async () => {
    await close()
    await database?.drop()
  }
}

async function realStores(project: string, databaseUrl: string): Promise<Record<string, string>> {
  const { main, second } = await freshRedisFor(project)
  const counters = `main=${main} second=${second}`
  return { DATABASE_URL: databaseUrl, COUNTER_DATABASES: counters, SEGMENT_MAX_AGE_SECONDS: '0' }
}

/** Over embedded stores, unless `env` names others. */
export async function startNode(env: Record<string, string>): Promise<Started> {
  const adminToken = `admin-${crypto.randomUUID()}`
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-test-'))
  const child = spawn(process.execPath, ['src/node.ts'], {
    env: { ...environment(), PORT: '0', DATA_DIR: folder, ADMIN_TOKEN: adminToken, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const baseUrl = await addressOf(child)
  const close = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const code = await ended
    await rm(folder, { recursive: true, force: true })
    if (code !== 0) throw new Error(`The server ended with ${code}`)
  }
  return { runtime: 'node', baseUrl, adminToken, close }
}

/** Without what would send the server to other stores than those of this test. */
function environment(): NodeJS.ProcessEnv {
  const {
    REDIS_URL: _redis,
    COUNTER_DATABASES: _databases,
    DATABASE_URL: _database,
    UPSTASH_REDIS_REST_URL: _url,
    UPSTASH_REDIS_REST_TOKEN: _token,
    ...rest
  } = process.env
  return rest
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const seen: string[] = []
    createInterface({ input: child.stdout! }).on('line', (line) => {
      seen.push(line)
      const address = /Tollgate is at (http:\S+)/.exec(line)?.[1]
      if (address) resolve(address)
    })
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}:\n${seen.join('\n')}`)))
  })
}
