// The far ends of the Worker's wires, on this machine: Redis and Postgres, embedded or real, each behind the bridge
// that speaks its service's protocol.

import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { migrateNodePostgres, migratePglite } from '../stores/postgres/migrate.ts'
import { openNodePostgres } from '../stores/postgres/node-postgres.ts'
import { openPglite } from '../stores/postgres/pglite.ts'
import { openEmbeddedRedis } from '../stores/redis/embedded.ts'
import { openTcpRedis } from '../stores/redis/tcp.ts'
import * as neon from './neon-bridge.ts'
import * as upstash from './upstash-bridge.ts'

const TIMEOUT_MS = 10_000
const CONNECTIONS = 10

export type BackendOptions = {
  /** Where embedded backends keep their data; null: in memory only. */
  dataDir: string | null
  /** Real ones instead of embedded ones. */
  redisUrl?: string | undefined
  databaseUrl?: string | undefined
  /** Told about outages of real backends. */
  log?: (message: string) => void
  redisFault?: upstash.FaultHook
  postgresFault?: neon.FaultHook
}

export type LocalBackends = {
  /** What the Worker needs to find them. */
  env: Record<string, string>
  redis: Redis
  postgres: PGlite | pg.Pool
  /** Answers what is under way, keeps what is to be kept. */
  close(): Promise<void>
}

export async function startLocalBackends(options: BackendOptions): Promise<LocalBackends> {
  const closing: (() => Promise<void>)[] = []
  /** In reverse order, and all of them, whatever fails. */
  const close = async () => {
    const failures: unknown[] = []
    for (const closeOne of closing.splice(0).reverse())
      await closeOne().catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }
  try {
    const postgres = await openPostgres(options)
    closing.push(postgres.close)
    const redis = await openRedis(options)
    closing.push(redis.close)
    const token = crypto.randomUUID()
    const upstashBridge = await upstash.startUpstashBridge({
      client: redis.client,
      token,
      fault: options.redisFault,
    })
    closing.push(upstashBridge.close)
    const neonBridge = await neon.startNeonBridge({
      backend: postgres.backend,
      password: crypto.randomUUID(),
      fault: options.postgresFault,
    })
    closing.push(neonBridge.close)
    const env = {
      UPSTASH_REDIS_REST_URL: upstashBridge.url,
      UPSTASH_REDIS_REST_TOKEN: token,
      DATABASE_URL: neonBridge.connectionString,
      NEON_FETCH_ENDPOINT: neonBridge.fetchEndpoint,
      // Embedded counters can't come back from the past: no fence, and a flush settles everything at once.
      ...(options.redisUrl === undefined && { SEGMENT_MAX_AGE_SECONDS: '0', SETTLE_AFTER_SECONDS: '0' }),
    }
    return { env, redis: redis.client, postgres: postgres.backend, close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

async function openRedis({
  dataDir,
  redisUrl,
  log,
}: BackendOptions): Promise<{ client: Redis; close(): Promise<void> }> {
  if (redisUrl === undefined) {
    if (dataDir === null) return openEmbeddedRedis()
    const [file, oldSnapshot] = [join(dataDir, 'redis.aof'), join(dataDir, 'redis.snapshot')]
    return openEmbeddedRedis({ file, oldSnapshot, ...(log && { log }) })
  }
  const { client, connection, close } = openTcpRedis(redisUrl, { timeoutMs: TIMEOUT_MS, ...(log && { log }) })
  let outage = ''
  client.on('error', (error: Error) => {
    outage = error.message
  })
  try {
    await connection.ping()
  } catch (error) {
    client.disconnect()
    throw new Error(`Redis at REDIS_URL does not answer: ${outage || (error as Error).message}`, {
      cause: error,
    })
  }
  return { client, close }
}

async function openPostgres({
  dataDir,
  databaseUrl,
  log,
}: BackendOptions): Promise<{ backend: PGlite | pg.Pool; close(): Promise<void> }> {
  if (databaseUrl === undefined) {
    const { db, client, close } = await openPglite(dataDir === null ? null : join(dataDir, 'postgres'))
    try {
      await migratePglite(db)
    } catch (error) {
      await close()
      throw error
    }
    return { backend: client, close }
  }
  await migrateNodePostgres(databaseUrl).catch((error) => {
    throw new Error(`The database at DATABASE_URL can't be migrated: ${error.message || error.code}`, {
      cause: error,
    })
  })
  const { pool, close } = openNodePostgres(databaseUrl, {
    max: CONNECTIONS,
    timeoutMs: TIMEOUT_MS,
    ...(log && { log }),
  })
  return { backend: pool, close }
}
