// On Node: Redis by TCP or Upstash, Postgres by TCP (Neon too); what is not configured is embedded.

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Composed, type Connections, compose } from './compose.ts'
import { pickBlocks, wrongEventLog } from './compose-blocks.ts'
import { type Config, limitsOf, readConfig } from './config.ts'
import { checkAdminToken } from './http/app.ts'
import type { BlockStore } from './log/block-store.ts'
import { openFolderBlocks } from './stores/blocks/folder.ts'
import { migrateNodePostgres, migratePglite } from './stores/postgres/migrate.ts'
import { openNodePostgres } from './stores/postgres/node-postgres.ts'
import { openPglite } from './stores/postgres/pglite.ts'
import { openEmbeddedRedis } from './stores/redis/embedded.ts'
import { openTcpRedis, tcpConnection } from './stores/redis/tcp.ts'
import { upstashConnection } from './stores/redis/upstash.ts'

export type ComposedNode = Composed & { config: Config; close(): Promise<void> }

type Log = (line: string) => void

const REDIS_TIMEOUT_MS = 5_000
const POSTGRES_TIMEOUT_MS = 15_000
const POSTGRES_CONNECTIONS = 10

/** Opens the stores, brings Postgres to the newest schema and makes the app. Throws an Error that says what is wrong. */
export async function composeNode(env: Record<string, unknown>, log: Log): Promise<ComposedNode> {
  const config = readConfig(env)
  const closing: (() => Promise<void>)[] = []
  const close = async () => {
    for (let closeOne = closing.pop(); closeOne !== undefined; closeOne = closing.pop()) await closeOne()
  }
  try {
    const adminToken = config.ADMIN_TOKEN ?? (await madeAdminToken(config, log))
    // Before anything is opened: what is wrong here needs no store to be found.
    limitsOf(config, 'remote')
    checkAdminToken(adminToken)
    if (config.EVENT_LOG === 'r2') throw noBuckets()
    const postgres = await openPostgres(config, log)
    closing.push(postgres.close)
    const redis = await openRedis(config, log)
    closing.push(redis.close)
    const blocks = await openBlocks(config, postgres.db, log)
    const composed = compose(config, { ...redis, shared: true, db: postgres.db, blocks }, adminToken)
    await composed.services.counters.state(0)
    return { ...composed, config, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openPostgres(
  config: Config,
  log: Log,
): Promise<{ db: Connections['db']; close(): Promise<void> }> {
  if (config.DATABASE_URL === undefined) {
    const folder = join(config.DATA_DIR, 'postgres')
    const { db, close } = await openPglite(folder)
    await migratePglite(db)
    log(`Postgres: embedded, in ${folder}. Set DATABASE_URL for a server.`)
    return { db, close }
  }
  const { applied } = await migrateNodePostgres(config.DATABASE_URL)
  const { db, close } = openNodePostgres(config.DATABASE_URL, {
    max: POSTGRES_CONNECTIONS,
    timeoutMs: POSTGRES_TIMEOUT_MS,
    log,
  })
  log(
    `Postgres: ${new URL(config.DATABASE_URL).host}${applied.length > 0 ? `, migrated (${applied.join(', ')})` : ''}`,
  )
  return { db, close }
}

async function openRedis(
  config: Config,
  log: Log,
): Promise<Pick<Connections, 'redis' | 'counters'> & { close(): Promise<void> }> {
  if (config.REDIS_URL !== undefined) {
    const { connection, close } = openTcpRedis(config.REDIS_URL, { timeoutMs: REDIS_TIMEOUT_MS, log })
    log(`Redis: ${new URL(config.REDIS_URL).host}`)
    return { redis: connection, counters: 'remote', close }
  }
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = config
  if (url !== undefined && token !== undefined) {
    log(`Redis: Upstash, ${new URL(url).host}`)
    return {
      redis: upstashConnection({ url, token, timeoutMs: REDIS_TIMEOUT_MS }),
      counters: 'remote',
      close: async () => {},
    }
  }
  const file = join(config.DATA_DIR, 'redis.aof')
  const oldSnapshot = join(config.DATA_DIR, 'redis.json')
  const { client, close } = await openEmbeddedRedis({
    file,
    oldSnapshot,
    log: (line) => log(`Redis: ${line}`),
  })
  log(
    `Redis: EMBEDDED, for one process on one machine. What is answered is in ${file} before it is answered, and`,
  )
  log(
    '       survives a kill of this process. It holds the ids of a day’s events in this process’s memory, and has',
  )
  log('       no replica. Set REDIS_URL (or UPSTASH_REDIS_REST_URL and its token) where that is not enough.')
  return { redis: tcpConnection(client), counters: 'embedded', close }
}

const noBuckets = () =>
  wrongEventLog('can’t be r2 on Node, where no bucket is bound: R2 speaks S3, too, take s3 with its endpoint')

async function openBlocks(config: Config, db: Connections['db'], log: Log): Promise<BlockStore | null> {
  const { EVENT_LOG, EVENT_LOG_FOLDER, S3_ENDPOINT, S3_BUCKET } = config
  const folder = EVENT_LOG_FOLDER ?? join(config.DATA_DIR, 'log')
  const blocks = await pickBlocks<Promise<BlockStore>>(config, db, {
    folder: () => openFolderBlocks(folder),
    r2: () => {
      throw noBuckets()
    },
  })
  if (EVENT_LOG === 'folder') log(`Event log: in ${folder}`)
  if (EVENT_LOG === 's3') log(`Event log: ${new URL(S3_ENDPOINT!).host}, bucket ${S3_BUCKET}`)
  return blocks
}

/** Without ADMIN_TOKEN nobody could make a tenant: one is made for the data folder, and kept there. */
async function madeAdminToken({ DATA_DIR }: Config, log: Log): Promise<string> {
  const file = join(DATA_DIR, 'admin-token')
  await mkdir(DATA_DIR, { recursive: true })
  const token = await readFile(file, 'utf8').catch(async () => {
    const made = randomBytes(24).toString('base64url')
    await writeFile(file, made, { mode: 0o600 })
    return made
  })
  log(`ADMIN_TOKEN is not set: the one in ${file} is used.`)
  return token.trim()
}
