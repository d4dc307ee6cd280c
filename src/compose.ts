// Puts the app together from a configuration and two connections. Which connections those are, the entries' own
// compositions say (compose-worker.ts, compose-node.ts). No other module picks a concrete store.

import { ConfigCache } from './access/config-cache.ts'
import { KeyCache } from './access/key-cache.ts'
import { billingSettingsOf, type Config, limitsOf } from './config.ts'
import { createApp } from './http/app.ts'
import type { BlockStore } from './log/block-store.ts'
import type { Services } from './services.ts'
import { PostgresAccountStore } from './stores/postgres/account-store.ts'
import { PostgresCouponStore } from './stores/postgres/coupon-store.ts'
import type { Db } from './stores/postgres/db.ts'
import { PostgresIdempotencyStore } from './stores/postgres/idempotency-store.ts'
import { eventLog, postgresAccess, postgresCatalog } from './stores/postgres/stores.ts'
import { PostgresUsageStore } from './stores/postgres/usage-store.ts'
import type { RedisConnection } from './stores/redis/connection.ts'
import { RedisCounterStore } from './stores/redis/counter-store.ts'

/** `keys`: those that this instance has cached. */
export type Composed = { app: ReturnType<typeof createApp>; services: Services; keys: KeyCache }

export type Connections = {
  redis: RedisConnection
  /** `remote`: in another process; they need the fence of a segment's age. */
  counters: 'embedded' | 'remote'
  /** Whether requests may share calls, as they may in Node and not in a Worker. */
  shared: boolean
  db: Db
  /** null: there is no event log. */
  blocks: BlockStore | null
}

export function compose(
  config: Config,
  { redis, counters, shared, db, blocks }: Connections,
  adminToken: string | null,
): Composed {
  const limits = limitsOf(config, counters)
  const access = postgresAccess(db)
  const services: Services = {
    clock: Date.now,
    limits,
    counters: new RedisCounterStore(redis, limits, config.PARTITIONS, { coalesce: shared }),
    usage: new PostgresUsageStore(db),
    ...eventLog(db, blocks),
    access,
    configs: new ConfigCache(access, Date.now),
    catalog: postgresCatalog(db),
    idempotency: new PostgresIdempotencyStore(db),
    accounts: new PostgresAccountStore(db),
    coupons: new PostgresCouponStore(db),
    billing: billingSettingsOf(config, limits),
    logKept: blocks !== null,
    adminToken,
  }
  const keys = new KeyCache(services.clock)
  return { app: createApp(services, keys), services, keys }
}
