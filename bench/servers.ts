// The two servers that everything is measured on: a logical database of Redis that was empty, and a Postgres database of
// its own. Both are left as they were found.

import { availableParallelism } from 'node:os'
import { Redis } from 'ioredis'
import pg from 'pg'
import { migrateNodePostgres } from '../src/stores/postgres/migrate.ts'
import { USAGE } from './options.ts'

export type Place = { redisDatabase: number; database: string }

const OURS: Place = { redisDatabase: 9, database: 'tollgate_bench' }
/** For another server that is measured in turn with ours. */
export const THEIRS: Place = { redisDatabase: 10, database: 'tollgate_bench_against' }
/** Stands in Redis as long as the benchmarks run: whatever is there besides is theirs, or an earlier run's. */
const MARK = 'tollgate:bench'

export type Servers = {
  redisUrl: string
  databaseUrl: string
  redis: Redis
  /** Empties both. */
  clear(): Promise<void>
  close(): Promise<void>
}

/** With the newest schema. */
export async function openServers(env: NodeJS.ProcessEnv): Promise<Servers> {
  const servers = await openEmptyServers(env, OURS)
  await migrateNodePostgres(servers.databaseUrl)
  return servers
}

/** Without a schema: whoever is started on it brings its own. */
export async function openEmptyServers(
  env: NodeJS.ProcessEnv,
  { redisDatabase, database }: Place = OURS,
): Promise<Servers> {
  const { REDIS_URL, DATABASE_URL } = env
  const missing = Object.entries({ REDIS_URL, DATABASE_URL }).flatMap(([name, value]) =>
    value ? [] : [name],
  )
  if (missing.length > 0) throw new Error(`${missing.join(' and ')} must be set.\n\n${USAGE}`)
  const redisUrl = new URL(REDIS_URL!)
  redisUrl.pathname = `/${redisDatabase}`
  const redis = await ownRedis(redisUrl.href, redisDatabase)
  try {
    await asAdmin(DATABASE_URL!, `drop database if exists ${database} with (force)`)
    await asAdmin(DATABASE_URL!, `create database ${database}`)
  } catch (error) {
    await releaseRedis(redis)
    throw new Error(`Postgres at DATABASE_URL: ${(error as Error).message}`)
  }
  const databaseUrl = new URL(DATABASE_URL!)
  databaseUrl.pathname = `/${database}`
  return {
    redisUrl: redisUrl.href,
    databaseUrl: databaseUrl.href,
    redis,
    clear: async () => {
      await redis.flushdb()
      await redis.set(MARK, 'running')
      await inDatabase(
        databaseUrl.href,
        'truncate usage, usage_days, usage_values, segments, log_blocks, log_customers, log_contents',
      )
    },
    close: async () => {
      await releaseRedis(redis)
      await asAdmin(DATABASE_URL!, `drop database if exists ${database} with (force)`)
    },
  }
}

/** Refuses a database that holds anything but an earlier run's leftovers, or that somebody works in. */
async function ownRedis(url: string, database: number): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  let reason = ''
  redis.on('error', (error: Error) => {
    reason = error.message
  })
  try {
    await redis.connect()
    const others = String(await redis.client('LIST'))
      .split('\n')
      .filter((line) => line.includes(` db=${database} `))
    if (others.length > 1) throw new Error(`somebody is connected to logical database ${database}.`)
    if ((await redis.dbsize()) > 0 && (await redis.exists(MARK)) === 0) {
      throw new Error(`logical database ${database} is not empty, and what is in it is not an earlier run's.`)
    }
    await redis.flushdb()
    await redis.set(MARK, 'running')
    return redis
  } catch (error) {
    redis.disconnect()
    throw new Error(`Redis at REDIS_URL: ${reason || (error as Error).message}`)
  }
}

async function releaseRedis(redis: Redis): Promise<void> {
  await redis.flushdb()
  redis.disconnect()
}

const asAdmin = inDatabase

export async function inDatabase(url: string, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client(url)
  await client.connect()
  return await client.query(statement).finally(() => client.end())
}

export const thisMachine = (): string =>
  `${availableParallelism()} cores for all of it · Node ${process.versions.node}`

/** One line on what it was measured with. */
export async function machine({ redis, databaseUrl }: Servers): Promise<string> {
  const info = await redis.info('server')
  const appendonly = (await redis.config('GET', 'appendonly').catch(() => [])) as string[]
  const { rows } = await inDatabase(
    databaseUrl,
    `select current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit`,
  )
  const { version, fsync, commit } = rows[0] as Record<string, string>
  return [
    thisMachine(),
    `Redis ${/redis_version:(\S+)/.exec(info)?.[1]} (appendonly ${appendonly[1] ?? 'unknown'})`,
    `Postgres ${version!.split(' ')[0]} (fsync ${fsync}, synchronous_commit ${commit})`,
  ].join(' · ')
}
