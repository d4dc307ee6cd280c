// Starts the real Worker in workerd for the HTTP suite, with the Upstash and Neon clients over the local bridges. Behind these are
// embedded stores or real ones. Real ones are two databases of counters, and the suite's tenants are spread over both.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { TestProject } from 'vitest/node'
import { startLocalBackends } from '../../src/local/backends.ts'
import { startUpstashBridge } from '../../src/local/upstash-bridge.ts'
import { startWorker } from '../../src/local/worker-process.ts'
import { freshDatabase } from '../support/postgres.ts'
import { freshRedisFor, real } from '../support/redis.ts'
import type { Started } from './harness.ts'
import { oneInEach } from './one-in-each.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!real) {
    const { close, ...server } = await startWorkerd({})
    project.provide('server', server)
    return close
  }
  const database = await freshDatabase()
  const redis = await freshRedisFor(project.name)
  const second = await openSecond(redis.second)
  const stores = { redisUrl: redis.main, databaseUrl: database.url, second: second.address }
  const { close, ...server } = await startWorkerd({}, stores)
  project.provide('server', { ...server, spreadOver: await oneInEach(server) })
  return async () => {
    await close()
    await second.close()
    await database.drop()
  }
}

/** Another database of counters, behind a bridge of its own. */
async function openSecond(url: string): Promise<{ address: string; close(): Promise<void> }> {
  const client = new Redis(url)
  const token = crypto.randomUUID()
  const bridge = await startUpstashBridge({ client, token })
  const close = async () => {
    await bridge.close()
    await client.quit()
  }
  return { address: withToken(bridge.url, token), close }
}

const withToken = (url: string, token: string): string => url.replace('://', `://default:${token}@`)

type Stores = {
  redisUrl?: string | undefined
  databaseUrl?: string | undefined
  /** address of a second database of counters */
  second?: string
}

/** Over embedded stores, unless others are named. `config`: another wrangler.toml. */
export async function startWorkerd(
  env: Record<string, string>,
  stores: Stores = {},
  config?: string,
): Promise<Started> {
  const adminToken = `admin-${crypto.randomUUID()}`
  const dataDir = await mkdtemp(join(tmpdir(), 'tollgate-test-'))
  const { redisUrl, databaseUrl, second } = stores
  const backends = await startLocalBackends({ dataDir, redisUrl, databaseUrl, log: () => {} })
  const worker = await startWorker({
    env: {
      ...(second === undefined ? backends.env : inTwo(backends.env, second)),
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

function inTwo(
  { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token, ...env }: Record<string, string>,
  second: string,
): Record<string, string> {
  return { ...env, COUNTER_DATABASES: `main=${withToken(url!, token!)} second=${second}` }
}
