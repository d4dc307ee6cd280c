// The far ends of the wires: the embedded Redis with the real scripts, and PGlite with the real SQL. One of each serves the
// whole process; each schedule begins with both empty.

import { type SQL, sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { Reply, Script } from '../../src/stores/redis/connection.ts'
import { type EmbeddedRedis, openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { actsNoted, noteActs, notedActs, offerActs } from '../../src/stores/redis/scripts/acts.ts'
import { notedErasures, noteErasure } from '../../src/stores/redis/scripts/erasures.ts'
import { forgetIds } from '../../src/stores/redis/scripts/ids.ts'
import {
  clock,
  filledMeters,
  liveCustomers,
  noteDrift,
  publishConfig,
  readAccepted,
  readLive,
} from '../../src/stores/redis/scripts/live.ts'
import { readLog } from '../../src/stores/redis/scripts/log.ts'
import {
  announcePartitions,
  databaseOf,
  freezeHome,
  holdsPartition,
  knownPlacement,
  knownPlacements,
  lookUpIds,
} from '../../src/stores/redis/scripts/placement.ts'
import { record } from '../../src/stores/redis/scripts/record.ts'
import { partitionsOf, release, seal, state } from '../../src/stores/redis/scripts/seal.ts'
import {
  discard,
  knownSegments,
  markMissing,
  quarantine,
  readSegment,
  reoffer,
} from '../../src/stores/redis/scripts/segment.ts'
import { openMigratedPglite } from '../support/pglite.ts'
import type { Bug } from './bug.ts'
import { VirtualTime } from './random.ts'

const scripts: Script[] = [
  record,
  seal,
  state,
  release,
  partitionsOf,
  readSegment,
  discard,
  quarantine,
  markMissing,
  readLive,
  readLog,
  liveCustomers,
  publishConfig,
  filledMeters,
  clock,
  readAccepted,
  noteDrift,
  reoffer,
  forgetIds,
  lookUpIds,
  freezeHome,
  knownPlacement,
  knownPlacements,
  databaseOf,
  holdsPartition,
  announcePartitions,
  noteErasure,
  notedErasures,
  knownSegments,
  ...[actsNoted, noteActs, offerActs, notedActs],
]
const byHash = new Map(scripts.map((script) => [script.hash, script]))
const byText = new Map(scripts.map((script) => [script.text, script]))

export const scriptNamed = (hashOrText: string): Script | undefined =>
  byHash.get(hashOrText) ?? byText.get(hashOrText)

/**
 * As a Redis at its maxmemory has it: a command that may need memory is refused, unless the script has written before
 * (it can't be stopped in the middle then).
 */
const OUT_OF_MEMORY = `
local redis_call, dirty = redis.call, false
local needs_memory = {HSET=1, ZADD=1, SET=1, MSET=1, HSETNX=1, HINCRBY=1}
local writes = {UNLINK=1, DEL=1, HDEL=1, ZREM=1, PEXPIRE=1, ZREMRANGEBYSCORE=1, PERSIST=1}
local OOM = "OOM command not allowed when used memory > 'maxmemory'."
local function go(command, ...)
  if needs_memory[command] or writes[command] then dirty = true end
  return redis_call(command, ...)
end
local redis = {
  call = function(command, ...)
    if needs_memory[command] and not dirty then error(OOM) end
    return go(command, ...)
  end,
  pcall = function(command, ...)
    if needs_memory[command] and not dirty then return {err = OOM} end
    return go(command, ...)
  end,
}
`

/** How a whole key of a type is read. */
const READS: Record<string, (key: string) => [string, ...string[]]> = {
  hash: (key) => ['HGETALL', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  string: (key) => ['GET', key],
}

type Entry = { key: string; type: string; elements: string[]; expiresAtMs: number }
export type Image = Entry[]

export class RedisServer {
  full = false
  readonly #embedded: EmbeddedRedis
  readonly #bug: Bug | undefined
  readonly #mutated = new Map<string, string>()

  constructor(embedded: EmbeddedRedis, bug: Bug | undefined) {
    this.#embedded = embedded
    this.#bug = bug
  }

  async evaluate(command: 'EVALSHA' | 'EVAL', what: string, keys: string[], args: string[]): Promise<Reply> {
    const { client } = this.#embedded
    const script = scriptNamed(what)
    const text = script && this.#textOf(script)
    if (text !== undefined && (this.full || text !== script!.text)) {
      const sent = this.full ? OUT_OF_MEMORY + text : text
      return (await client.call('EVAL', sent, String(keys.length), ...keys, ...args)) as Reply
    }
    return (await client.call(command, what, String(keys.length), ...keys, ...args)) as Reply
  }

  #textOf(script: Script): string {
    const change = this.#bug?.scripts?.[script.name]
    if (!change) return script.text
    let text = this.#mutated.get(script.name)
    if (text === undefined) {
      text = change(script.text)
      if (text === script.text)
        throw new Error(`The bug "${this.#bug!.name}" changes nothing in ${script.name}`)
      this.#mutated.set(script.name, text)
    }
    return text
  }

  async forgetScripts(): Promise<void> {
    await this.#embedded.client.script('FLUSH')
  }

  /** As new, with its scripts known. */
  async empty(): Promise<void> {
    const { client } = this.#embedded
    await client.flushall()
    const known = (await client.script('EXISTS', ...scripts.map(({ hash }) => hash))) as number[]
    if (known.includes(0)) for (const { text } of scripts) await client.script('LOAD', text)
  }

  keys(): Promise<string[]> {
    return this.#embedded.client.keys('*')
  }

  async image(): Promise<Image> {
    const { client } = this.#embedded
    const result: Image = []
    for (const key of await client.keys('*')) {
      const type = await client.type(key)
      const read = READS[type]
      if (read === undefined) throw new Error(`An image can't hold a ${type}`)
      const elements = [await client.call(...read(key))].flat() as string[]
      result.push({ key, type, elements, expiresAtMs: (await client.call('PEXPIRETIME', key)) as number })
    }
    return result
  }

  async restore(image: Image): Promise<void> {
    const { client } = this.#embedded
    await client.flushall()
    for (const { key, type, elements, expiresAtMs } of image) {
      if (type === 'hash') await client.call('HSET', key, ...elements)
      else if (type === 'string') await client.call('SET', key, elements[0]!)
      else {
        const pairs = elements.flatMap((element, i) => (i % 2 === 0 ? [elements[i + 1]!, element] : []))
        await client.call('ZADD', key, ...pairs)
      }
      if (expiresAtMs > 0) await client.call('PEXPIREAT', key, String(expiresAtMs))
    }
  }
}

const tables = [
  ...(['tenants', 'meters', 'usage', 'segments'] as const),
  ...(['log_contents', 'log_blocks', 'log_customers', 'corrections', 'acts', 'erasures'] as const),
  ...(['partitions', 'placements'] as const),
  'offered_acts' as const,
] as const
/** Every row of every table that a schedule fills, as JSON. */
export type PostgresImage = Record<(typeof tables)[number], string>

export type PostgresServer = {
  execute(statement: SQL): Promise<unknown>
  /** Rows as they are now, past every wire: for the oracle's last look. */
  look<Row>(statement: SQL): Promise<Row[]>
  empty(): Promise<void>
  image(): Promise<PostgresImage>
  restore(image: PostgresImage): Promise<void>
}

export type FarEnds = {
  /** the nth of the databases of counters */
  redis(bug: Bug | undefined, n: number): RedisServer
  postgres(bug: Bug | undefined): PostgresServer
  close(): Promise<void>
}

/** Those that others refer to last. */
const everyTable = [
  ...[
    'accounts',
    'subscriptions',
    'invoices',
    'credit_grants',
    'credit_entries',
    'credit_notes',
    'numbering',
  ],
  ...[
    'offered_acts',
    'transfers',
    'erasures',
    'recounts',
    'acts',
    'corrections',
    'log_customers',
    'log_blocks',
    'log_contents',
  ],
  ...[
    'usage',
    'usage_days',
    'usage_values',
    'segments',
    'coupons',
    'plan_versions',
    'plans',
    'meters',
    'api_keys',
    'customers',
    ...['placements', 'partitions'],
    'tenants',
  ],
]

/** Each is one Redis. */
export const DATABASES_MOST = 3

/** Deleting is quicker than truncating, but leaves dead rows. */
const VACUUM_EVERY = 100

export async function openFarEnds(): Promise<FarEnds> {
  const embedded = await Promise.all(Array.from({ length: DATABASES_MOST }, () => openEmbeddedRedis()))
  const { db, client, close } = await openMigratedPglite()
  await db.execute(sql`set synchronous_commit = off`)
  const dialect = new PgDialect()
  let schedules = 0
  return {
    redis: (bug, n) => new RedisServer(embedded[n]!, bug),
    postgres: (bug) => ({
      async execute(statement) {
        const { sql: text, params } = dialect.sqlToQuery(statement)
        return VirtualTime.real<unknown>(() =>
          bug?.sql ? client.query(bug.sql(text), params) : db.execute(statement),
        )
      },
      async look<Row>(statement: SQL) {
        const { rows } = await VirtualTime.real<{ rows: unknown[] }>(() => db.execute(statement) as never)
        return rows as Row[]
      },
      async empty() {
        const often = ++schedules % VACUUM_EVERY === 0
        const statements = often
          ? `truncate ${everyTable.join(', ')}`
          : everyTable.map((table) => `delete from ${table}`).join('; ')
        // What Postgres draws at random is the same each time.
        await VirtualTime.real(() => client.exec(`${statements}; select setseed(0)`))
      },
      image: () =>
        VirtualTime.real(async () => {
          const { rows } = await client.query<PostgresImage>(
            `select ${tables.map((table) => `(select coalesce(json_agg(t), '[]')::text from ${table} t) as ${table}`).join(', ')}`,
          )
          return rows[0]!
        }),
      restore: (image) =>
        VirtualTime.real(async () => {
          await client.exec(
            tables
              .toReversed()
              .map((table) => `delete from ${table};`)
              .join(' '),
          )
          for (const table of tables) {
            const insert = `insert into ${table} overriding system value select * from json_populate_recordset(null::${table}, $1::json)`
            await client.query(insert, [image[table]])
          }
        }),
    }),
    close: async () => {
      await Promise.all([...embedded, { close }].map((one) => one.close()))
    },
  }
}
