// Starts the real Worker in workerd for the HTTP suite, with the Upstash and Neon clients over the local bridges.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startLocalBackends } from '../../src/local/backends.ts'
import { startWorker } from '../../src/local/worker-process.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedisFor, real } from '../support/redis.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const adminToken = `admin-${crypto.randomUUID()}`
  const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-test-'))
  const database = real ? await freshDatabase() : null
  const backends = await startLocalBackends({
    dataDir,
    redisUrl: real ? await freshRedisFor(project.name) : undefined,
    databaseUrl: database?.url,
    log: () => {},
  })
  const worker = await startWorker({
    env: {
      ...backends.env,
      SEGMENT_MAX_AGE_SECONDS: '0',
      SETTLE_AFTER_SECONDS: '0',
      ADMIN_TOKEN: adminToken,
    },
  })
  project.provide('server', { baseUrl: worker.url, adminToken })
  return async () => {
    await worker.close()
    await backends.close()
    await database?.drop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
