// On Node: Redis by TCP or Upstash, Postgres by TCP (Neon too); what is not configured is embedded.

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Composed, type Connections, compose } from './compose.ts'
import { type LogStores, pickBlocks, wrongEventLog } from './compose-blocks.ts'
import { type Config, limitsOf, readConfig } from './config.ts'
import { type NamedDatabase, namedDatabases } from './databases.ts'
import { checkAdminToken } from './http/app.ts'
import { idLayouts } from './metering/limits.ts'
import { MAIN } from './metering/placement/partition-list.ts'
import type { Services } from './services.ts'
import { openFolderBlocks } from './stores/blocks/folder.ts'
import { FolderExportFiles } from './stores/blocks/folder-exports.ts'
import { migrateNodePostgres, migratePglite } from './stores/postgres/migrate.ts'
import { openNodePostgres } from './stores/postgres/node-postgres.ts'
import { openPglite } from './stores/postgres/pglite.ts'
import { isCluster, openRedisCluster } from './stores/redis/cluster.ts'
import { type Database, missingDatabase } from './stores/redis/databases.ts'
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
    const stores = await openBlocks(config, postgres.db, log)
    const composed = compose(config, { ...redis, shared: true, db: postgres.db, ...stores }, adminToken)
    await checkDatabases(composed.services, config.PARTITIONS, log)
    return { ...composed, config, close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * Each partition has its database among those that are configured; and each of these that can be reached is the one that it is
 * taken for. One of several that is away does not keep the others from starting.
 */
async function checkDatabases(
  { counters, partitionStore, homes, directory }: Services,
  first: number,
  log: Log,
): Promise<void> {
  await partitionStore.seedPartitions(first)
  const partitions = await directory.list()
  for (const { id, database } of partitions)
    if (!homes.names.includes(database)) throw missingDatabase(database, id)
  const away = homes.names.length > 1 ? await homes.unreachable() : []
  if (away.length > 0 && away.length < homes.names.length)
    log(`Redis: ${away.join(', ')} can’t be reached: tenants there are answered with 503 until then`)
  // All that the installation began with are checked by the first of them, and say no name.
  const later = partitions.filter(({ id }) => id >= first)
  if (away.length === 0) for (const partition of later) await refuseOtherHolder(homes, partition)
  const unasked = away.length < homes.names.length ? away : []
  for (const { id, database } of [partitions[0]!, ...later])
    if (!unasked.includes(database)) await counters.state(id)
}

/** Addresses that have changed places would look like databases that are new. */
async function refuseOtherHolder(
  homes: Services['homes'],
  { id, database }: { id: number; database: string },
): Promise<void> {
  const holder = homes.names.length > 1 ? await homes.holderOf(id) : null
  if (holder !== null && holder !== database)
    throw new Error(
      `The environment is not right:\n  COUNTER_DATABASES has partition ${id} at the address of ${holder}, and it belongs to ${database}: have two of them changed places?`,
    )
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
): Promise<Pick<Connections, 'databases' | 'counters'> & { close(): Promise<void> }> {
  const named = namedDatabases(config)
  if (named.length > 0) {
    const opened = named.map((one) => ({ name: one.name, ...openDatabase(one, named.length > 1, log) }))
    return {
      databases: Object.fromEntries(opened.map(({ name, database }) => [name, database])),
      counters: 'remote',
      close: async () => void (await Promise.all(opened.map(({ close }) => close()))),
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
  return { databases: { [MAIN]: { connection: tcpConnection(client) } }, counters: 'embedded', close }
}

function openDatabase(
  { name, url, token }: NamedDatabase,
  isOneOfSeveral: boolean,
  log: Log,
): { database: Database; close(): Promise<void> } {
  const called = isOneOfSeveral ? `Redis ${name}` : 'Redis'
  if (token !== null) {
    log(`${called}: Upstash, ${new URL(url).host}`)
    const connection = upstashConnection({ url, token, timeoutMs: REDIS_TIMEOUT_MS })
    return { database: { connection, dedupeLayout: idLayouts.upstash }, close: async () => {} }
  }
  const options = { timeoutMs: REDIS_TIMEOUT_MS, log, called }
  const { connection, close, where } = isCluster(url)
    ? openRedisCluster(url, options)
    : openTcpRedis(url, options)
  log(`${called}: ${where}`)
  return { database: { connection, dedupeLayout: idLayouts.server }, close }
}

const noBuckets = () =>
  wrongEventLog('can’t be r2 on Node, where no bucket is bound: R2 speaks S3, too, take s3 with its endpoint')

async function openBlocks(config: Config, db: Connections['db'], log: Log): Promise<LogStores> {
  const { EVENT_LOG, EVENT_LOG_FOLDER, S3_ENDPOINT, S3_BUCKET } = config
  const folder = EVENT_LOG_FOLDER ?? join(config.DATA_DIR, 'log')
  const stores = await pickBlocks<Promise<LogStores>>(config, db, {
    folder: async () => ({
      blocks: await openFolderBlocks(folder),
      exportFiles: new FolderExportFiles(folder),
    }),
    r2: () => {
      throw noBuckets()
    },
  })
  if (EVENT_LOG === 'folder') log(`Event log: in ${folder}`)
  if (EVENT_LOG === 's3') log(`Event log: ${new URL(S3_ENDPOINT!).host}, bucket ${S3_BUCKET}`)
  return stores
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
