// In a Worker: Upstash and Neon, both over HTTP.

import { type Composed, compose } from './compose.ts'
import { readConfig, requireConfig } from './config.ts'
import { openNeon } from './stores/postgres/neon.ts'
import { upstashConnection } from './stores/redis/upstash.ts'

export type { Composed }

const REDIS_TIMEOUT_MS = 8_000
/** Neon ends a statement after some time of its own; a cold start takes a second. */
const POSTGRES_TIMEOUT_MS = 15_000

/** `env`: the Worker's bindings. Throws an Error that names what is wrong with them. */
export function composeWorker(env: Record<string, unknown>): Composed {
  const config = readConfig(env)
  const needed = requireConfig(config, 'UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN', 'DATABASE_URL')
  const redis = upstashConnection({
    url: needed.UPSTASH_REDIS_REST_URL,
    token: needed.UPSTASH_REDIS_REST_TOKEN,
    timeoutMs: REDIS_TIMEOUT_MS,
  })
  const { db } = openNeon(needed.DATABASE_URL, {
    fetchEndpoint: config.NEON_FETCH_ENDPOINT,
    timeoutMs: POSTGRES_TIMEOUT_MS,
  })
  return compose(config, { redis, counters: 'remote', shared: false, db }, config.ADMIN_TOKEN ?? null)
}
