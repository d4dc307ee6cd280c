// Starts the server of `npm start` for the HTTP suite: a process of its own, over embedded stores or real ones.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestProject } from 'vitest/node'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedisFor, real } from '../support/redis.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const adminToken = `admin-${crypto.randomUUID()}`
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-test-'))
  const database = real ? await freshDatabase() : null
  const stores = database && {
    DATABASE_URL: database.url,
    REDIS_URL: await freshRedisFor(project.name),
    SEGMENT_MAX_AGE_SECONDS: '0',
  }
  const child = spawn(process.execPath, ['src/node.ts'], {
    env: { ...environment(), PORT: '0', DATA_DIR: folder, ADMIN_TOKEN: adminToken, ...stores },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  project.provide('server', { baseUrl: await addressOf(child), adminToken })
  return async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const code = await ended
    await database?.drop()
    await rm(folder, { recursive: true, force: true })
    if (code !== 0) throw new Error(`The server ended with ${code}`)
  }
}

/** Without what would send the server to other stores than those of this test. */
function environment(): NodeJS.ProcessEnv {
  const {
    REDIS_URL: _redis,
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
