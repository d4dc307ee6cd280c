// In a Worker: Upstash and Neon, both over HTTP. And in the object that joins its calls: Upstash alone.

import { type Composed, compose } from './compose.ts'
import { type LogStores, pickBlocks, wrongEventLog } from './compose-blocks.ts'
import { type Config, limitsOf, readConfig, requireConfig } from './config.ts'
import { namedDatabases } from './databases.ts'
import { idLayouts } from './metering/limits.ts'
import { oneDatabase, unmovedTenants } from './metering/placement/unmoved.ts'
import { isBucket, R2BlockStore } from './stores/blocks/r2.ts'
import { r2ExportFiles } from './stores/blocks/r2-exports.ts'
import { openNeon } from './stores/postgres/neon.ts'
import {
  COMMITTER_TIMEOUT_MS,
  committing,
  isCommitterNamespace,
  throughCommitters,
} from './stores/redis/committers.ts'
import { RedisCounterStore } from './stores/redis/counter-store.ts'
import { type Database, Databases } from './stores/redis/databases.ts'
import type { Recording } from './stores/redis/recording.ts'
import { upstashConnection } from './stores/redis/upstash.ts'

export type ComposedWorker = Composed & { config: Config }

const REDIS_TIMEOUT_MS = 8_000
/** Sooner than the Worker that waits for it loses patience. */
const COMMITTER_REDIS_TIMEOUT_MS = 2_500
/** Neon ends a statement after some time of its own; a cold start takes a second. */
const POSTGRES_TIMEOUT_MS = 15_000

/** `env`: the Worker's bindings. Throws an Error that names what is wrong with them. */
export function composeWorker(env: Record<string, unknown>): ComposedWorker {
  const config = readConfig(env)
  const needed = requireConfig(config, 'DATABASE_URL')
  const { db } = openNeon(needed.DATABASE_URL, {
    fetchEndpoint: config.NEON_FETCH_ENDPOINT,
    timeoutMs: POSTGRES_TIMEOUT_MS,
  })
  const stores = pickBlocks<LogStores>(config, db, {
    folder: () => {
      throw wrongEventLog('can’t be folder in a Worker, which has none: take postgres, r2 or s3')
    },
    r2: () => {
      if (isBucket(env.LOG_BUCKET))
        return { blocks: new R2BlockStore(env.LOG_BUCKET), exportFiles: r2ExportFiles(env.LOG_BUCKET) }
      throw wrongEventLog('is r2, and no bucket is bound as LOG_BUCKET: wrangler.toml says how')
    },
  })
  const databases = openUpstash(config, REDIS_TIMEOUT_MS)
  const through = committersOf(config, env.COMMITTER)
  const composed = compose(
    config,
    { databases, counters: 'remote', shared: false, ...(through && { through }), db, ...stores },
    config.ADMIN_TOKEN ?? null,
  )
  return { ...composed, config }
}

/** A Worker reaches Redis by HTTP alone. */
function openUpstash(config: Config, timeoutMs: number): Record<string, Database> {
  const named = namedDatabases(config)
  if (named.length === 0) requireConfig(config, 'UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN')
  const opened = named.map(({ name, url, token }): [string, Database] => {
    if (token === null)
      throw new Error(
        `The environment is not right:\n  COUNTER_DATABASES has no https:// for ${name}: a Worker reaches Upstash alone`,
      )
    const connection = upstashConnection({ url, token, timeoutMs })
    return [name, { connection, dedupeLayout: idLayouts.upstash }]
  })
  return Object.fromEntries(opened)
}

/** What the object does with a call: stores/redis/committers.ts. `env`: the same bindings. */
export function composeCommitter(env: Record<string, unknown>): (call: string) => Promise<string> {
  const config = readConfig(env)
  const { PARTITIONS: first, COMMIT_WAIT_MS: waitMs } = config
  const upstash = openUpstash(config, COMMITTER_REDIS_TIMEOUT_MS)
  // Where a call goes, the Worker has said in it.
  const databases = new Databases(upstash, oneDatabase(first), first)
  const recording = { coalesce: true, waitMs }
  const counters = new RedisCounterStore(
    databases,
    unmovedTenants(first),
    limitsOf(config, 'remote'),
    recording,
  )
  return committing(counters.recordIn)
}

/** Requests of a Worker share no calls, but through an object that is bound as COMMITTER. */
function committersOf(
  { COMMITTER_LOCATION: location, COMMIT_WAIT_MS }: Config,
  binding: unknown,
): Recording['through'] {
  if (!isCommitterNamespace(binding)) return undefined
  const options = { location, timeoutMs: COMMITTER_TIMEOUT_MS + COMMIT_WAIT_MS }
  return (record) => throughCommitters(record, binding, options)
}
