// The real stores over the real servers, in this process, with every round trip counted.

import type { Redis } from 'ioredis'
import type pg from 'pg'
import { BlockWriter } from '../src/log/write-blocks.ts'
import { defaultLimits, idLayouts, type Limits } from '../src/metering/limits.ts'
import type { TenantConfig } from '../src/metering/meter.ts'
import type { SegmentLog } from '../src/metering/ports.ts'
import { recordUsage } from '../src/metering/record-usage.ts'
import { PostgresBlockStore } from '../src/stores/blocks/postgres.ts'
import type { Db } from '../src/stores/postgres/db.ts'
import { openNodePostgres } from '../src/stores/postgres/node-postgres.ts'
import { PostgresUsageStore } from '../src/stores/postgres/usage-store.ts'
import type { RedisConnection } from '../src/stores/redis/connection.ts'
import { RedisCounterStore } from '../src/stores/redis/counter-store.ts'
import { openTcpRedis } from '../src/stores/redis/tcp.ts'
import { closing } from './closing.ts'
import type { Servers } from './servers.ts'
import type { SentEvent } from './workload.ts'

const TIMEOUT_MS = 60_000

export type World = {
  clock: () => number
  limits: Limits
  counters: RedisCounterStore
  usage: PostgresUsageStore
  log: SegmentLog | null
  configs: { reload(): Promise<never> }
  db: Db
  pool: pg.Pool
  client: Redis
  /** made so far, to Redis and to Postgres */
  roundTrips: { redis: number; postgres: number }
  /** that every round trip takes more, as over a network */
  delay: { ms: number }
  close(): Promise<void>
}

/** `more`: where it differs from the default limits. `logged`: with the event log. */
export function openWorld(
  servers: Pick<Servers, 'redisUrl' | 'databaseUrl'>,
  more: Partial<Limits> = {},
  { logged = true }: { logged?: boolean } = {},
): World {
  const limits = { ...defaultLimits, dedupeLayout: idLayouts.server, ...more }
  const redis = openTcpRedis(servers.redisUrl, { timeoutMs: TIMEOUT_MS })
  const postgres = openNodePostgres(servers.databaseUrl, { max: 4, timeoutMs: TIMEOUT_MS })
  const roundTrips = { redis: 0, postgres: 0 }
  const delay = { ms: 0 }
  const connection = counting(redis.connection, ['eval', 'evalsha', 'ping'], delay, () => roundTrips.redis++)
  const db = counting(postgres.db, ['execute'], delay, () => roundTrips.postgres++)
  return {
    clock: Date.now,
    limits,
    counters: RedisCounterStore.inOne(connection, limits, 1),
    usage: new PostgresUsageStore(db),
    log: logged ? new BlockWriter(new PostgresBlockStore(db)) : null,
    configs: {
      reload: () => {
        throw new Error('A benchmark has met a configuration that it did not make')
      },
    },
    db,
    pool: postgres.pool,
    client: redis.client,
    roundTrips,
    delay,
    close: closing(() => Promise.all([redis.close(), postgres.close()])),
  }
}

/** The same object; `count` is called for every call of these methods. */
function counting<Target extends RedisConnection | Db>(
  target: Target,
  names: string[],
  delay: { ms: number },
  count: () => void,
): Target {
  return new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name) as unknown
      if (typeof member !== 'function') return member
      if (!names.includes(String(name))) return member.bind(object)
      return (...args: unknown[]) => {
        count()
        if (delay.ms === 0) return member.apply(object, args)
        return new Promise((resolve) => setTimeout(resolve, delay.ms)).then(() => member.apply(object, args))
      }
    },
  })
}

/** The whole verb, as a route calls it. */
export async function send(world: World, tenant: TenantConfig, events: SentEvent[]): Promise<void> {
  const result = await recordUsage(world, tenant, {
    events: events.map((sent, i) => ({ sent, pointer: `#/${i}` })),
    handling: 'strict',
  })
  if (result.accepted !== events.length)
    throw new Error(`Of ${events.length} events ${result.accepted} were new`)
}
