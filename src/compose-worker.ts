// In a Worker: Upstash and Neon, both over HTTP.

import { type Composed, compose } from './compose.ts'
import { pickBlocks, wrongEventLog } from './compose-blocks.ts'
import { readConfig, requireConfig } from './config.ts'
import type { BlockStore } from './log/block-store.ts'
import { isBucket, R2BlockStore } from './stores/blocks/r2.ts'
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
  const blocks = pickBlocks<BlockStore>(config, db, {
    folder: () => {
      throw wrongEventLog('can’t be folder in a Worker, which has none: take postgres, r2 or s3')
    },
    r2: () => {
      if (isBucket(env.LOG_BUCKET)) return new R2BlockStore(env.LOG_BUCKET)
      throw wrongEventLog('is r2, and no bucket is bound as LOG_BUCKET: wrangler.toml says how')
    },
  })
  return compose(config, { redis, counters: 'remote', shared: false, db, blocks }, config.ADMIN_TOKEN ?? null)
}
