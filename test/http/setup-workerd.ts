// Starts the real Worker in workerd for the HTTP suite, with the Upstash and Neon clients over the local bridges.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startLocalBackends } from '../../src/local/backends.ts'
import { startWorker } from '../../src/local/worker-process.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedisFor, real } from '../support/redis.ts'
import type { Started } from './harness.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const database = real ? await freshDatabase() : null
  const { close, ...server } = await startWorkerd(
    {},
    { redisUrl: real ? await freshRedisFor(project.name) : undefined, databaseUrl: database?.url },
  )
  project.provide('server', server)
  return async () => {
    await close()
    await database?.drop()
  }
}

type Stores = { redisUrl?: string | undefined; databaseUrl?: string | undefined }

/** Over embedded stores, unless others are named. `config`: another wrangler.toml. */
export async function startWorkerd(
  env: Record<string, string>,
  stores: Stores = {},
  config?: string,
): Promise<Started> {
  const adminToken = `admin-${crypto.randomUUID()}`
  const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-test-'))
  const { redisUrl, databaseUrl } = stores
  const backends = await startLocalBackends({ dataDir, redisUrl, databaseUrl, log: () => {} })
  const worker = await startWorker({
    env: {
      ...backends.env,
      SEGMENT_MAX_AGE_SECONDS: '0',
      SETTLE_AFTER_SECONDS: '0',
      ADMIN_TOKEN: adminToken,
      ...env,
    },
    ...(config !== undefined && { config }),
  })
  const close = async () => {
    await worker.close()
    await backends.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { runtime: 'workerd', baseUrl: worker.url, adminToken, close }
}
