// Suites that run on one Redis, once more with their counters in two of them, and every tenant spread over both by customer. It is left
// behind by one who had all in the first: whoever has a home in the second is asked for there, too.

import { sql } from 'drizzle-orm'
import type { Cluster, Redis } from 'ioredis'
import { PlacementCache } from '../../src/access/placement-cache.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { firstPlacement, movedTo } from '../../src/metering/placement/placement.ts'
import type { Partition, PartitionDirectory } from '../../src/metering/placement/ports.ts'
import type { CounterStore, SegmentRef } from '../../src/metering/ports.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { PostgresPlacementStore } from '../../src/stores/postgres/placement-store.ts'
import type { RedisConnection } from '../../src/stores/redis/connection.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import { Databases } from '../../src/stores/redis/databases.ts'
import type { Recording } from '../../src/stores/redis/recording.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import type { RedisBackend } from './redis.ts'

let spread = false
let opened: (() => Promise<RedisBackend>) | null = null

/** For all that is opened from now on, in this file of tests. `open`: of what they are, if not of two that suites have anyway. */
export const spreadOverTwo = (open: (() => Promise<RedisBackend>) | null = null): void => {
  spread = true
  opened = open
}
export const isSpread = (): boolean => spread

export const partitions = (): number => (spread ? 2 : 1)

/** Time is for the suites on one Redis; here as much as shows whether it is the same on two. On real servers, more. */
const share = process.env.TEST_SERVERS === 'real' ? 2 : 16
export const runs = (all: number): number => (spread ? Math.ceil(all / share) : all)
export const shortened = <T>(all: T[]): T[] => {
  const every = spread ? Math.ceil(all.length / (96 / share)) : 1
  return all.filter((_, i) => i % every === 0)
}
/** Where blocks may be. */
export const inStores = <T>(all: T[]): T[] => (spread && share > 2 ? all.slice(0, 1) : all)

/** Where alice's counters are. Bob's are in the other one, which is the first. */
export const alicesHome = (): number => (spread ? 1 : 0)

const PARTITIONS: Partition[] = [
  { id: 0, database: 'main', state: 'open' },
  { id: 1, database: 'second', state: 'open' },
]
const BOTH = { home: [0, 1], spreadBy: 'customer' as const }
const directory: PartitionDirectory = {
  list: async () => PARTITIONS,
  findAll: async () => PARTITIONS,
  databaseOf: async (partition) => PARTITIONS[partition]!.database,
  thereAre: () => {},
  forget: () => {},
}

/** Spreads a tenant when it is asked for first. What becomes of the placement afterwards is left alone. */
class SpreadingStore extends PostgresPlacementStore {
  readonly #db: Db
  readonly #config: TenantConfig
  readonly #done = new Set<string>()

  constructor(db: Db, config: TenantConfig) {
    super(db, 1)
    this.#db = db
    this.#config = config
  }

  override async loadPlacement(tenantId: string) {
    if (this.#done.has(tenantId)) return await super.loadPlacement(tenantId)
    // Most suites use tenants that nobody has made.
    const timezone = tenantId === this.#config.tenantId ? this.#config.timezone : 'UTC'
    await this.#db.execute(
      sql`insert into tenants (id, name, timezone, currency) values (${tenantId}, 'spread', ${timezone}, 'USD') on conflict do nothing`,
    )
    const first = await super.loadPlacement(tenantId)
    const nonce = crypto.randomUUID()
    if (first.version === 0)
      await this.writePlacement(tenantId, first, movedTo(first, BOTH, { nonce, nowMs: Date.now() }))
    this.#done.add(tenantId)
    return await super.loadPlacement(tenantId)
  }
}

export type Two = { connection: RedisConnection; second: RedisConnection }

const databasesOf = ({ connection, second }: Two, first = 1) =>
  new Databases({ main: { connection }, second: { connection: second } }, directory, first)

export function spreadCounters(two: Two, db: Db, config: TenantConfig, limits: Limits): RedisCounterStore {
  const placements = new PlacementCache(new SpreadingStore(db, config), 1, Date.now)
  return new RedisCounterStore(databasesOf(two), placements, limits)
}

/** Where there is no Postgres: no tenant was ever anywhere else. */
export function alwaysSpread(two: Two, limits: Limits, first: number, recording?: Recording) {
  const placement = movedTo(firstPlacement(0), BOTH, { nonce: 'spread', nowMs: 0 })
  const placements = {
    of: async () => placement,
    learn: async () => Promise.reject(new Error('It is known where all tenants are')),
  }
  return new RedisCounterStore(databasesOf(two, first), placements, limits, recording)
}

export async function inTwo(
  open: () => Promise<{ client: Redis; close(): Promise<void> }>,
): Promise<RedisBackend> {
  if (opened !== null) return await opened()
  const [main, second] = [await open(), await open()]
  return {
    connection: tcpConnection(main.client),
    second: tcpConnection(second.client),
    client: asOne([main.client, second.client], (partition) => [main, second][partition]!.client),
    setFault: () => {},
    close: async () => {
      await Promise.all([main.close(), second.close()])
    },
  }
}

/** What suites look at keys with: a key says by its partition where it is. */
export function asOne(clients: Redis[], ofPartition: (partition: number) => Redis | Cluster): Redis {
  const of = (key: string) => ofPartition(key.startsWith('tg:{1}') ? 1 : 0)
  const oneKey = [
    ...(['hget', 'hgetall', 'hset', 'hdel', 'zadd', 'zrange', 'zcard'] as const),
    ...(['type', 'exists', 'set', 'strlen', 'pttl'] as const),
  ]
  const byKey = oneKey.map((name) => [
    name,
    (key: string, ...rest: unknown[]) =>
      (of(key)[name] as (...args: unknown[]) => Promise<unknown>)(key, ...rest),
  ])
  return {
    ...Object.fromEntries(byKey),
    flushdb: () => Promise.all(clients.map((client) => client.flushdb())),
    script: () => Promise.all(clients.map((client) => client.script('FLUSH'))),
    keys: async (pattern: string) =>
      (await Promise.all(clients.map((client) => client.keys(pattern)))).flat(),
    del: (...keys: (string | string[])[]) => Promise.all(keys.flat().map((key) => of(key).del(key))),
  } as unknown as Redis
}

type Counters = { counters: CounterStore }

/** Closes what is open in every partition, and gives all that is sealed then. */
export async function sealAll({ counters }: Counters): Promise<SegmentRef[]> {
  const segments: SegmentRef[] = []
  for (const { id } of await counters.listPartitions()) {
    const sealed = await counters.seal(id, { owner: 'x', ms: 0 })
    if (sealed.kind === 'sealed') segments.push(...sealed.segments)
  }
  return segments
}

export async function unsettled({ counters }: Counters): Promise<number> {
  const states = (await counters.listPartitions()).map(({ id }) => counters.state(id))
  return (await Promise.all(states)).reduce((sum, { unsettledCounters }) => sum + unsettledCounters, 0)
}
