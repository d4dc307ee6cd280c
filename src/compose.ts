// Puts the app together from a configuration and two connections. Which connections those are, the entries' own
// compositions say (compose-worker.ts, compose-node.ts). No other module picks a concrete store.

import { ConfigCache } from './access/config-cache.ts'
import { KeyCache } from './access/key-cache.ts'
import { tellingPlacements } from './access/placement-cache.ts'
import type { LogStores } from './compose-blocks.ts'
import { billingSettingsOf, type Config, hoursKeptDaysOf, limitsOf } from './config.ts'
import { createApp } from './http/app.ts'
import { LINES_PER_REQUEST } from './log/import/limits.ts'
import type { Services } from './services.ts'
import { placedStores } from './stores/placing.ts'
import { PostgresAccountStore } from './stores/postgres/account-store.ts'
import { PostgresCouponStore } from './stores/postgres/coupon-store.ts'
import type { Db } from './stores/postgres/db.ts'
import { PostgresHoursStore } from './stores/postgres/hours-store.ts'
import { PostgresIdempotencyStore } from './stores/postgres/idempotency-store.ts'
import { eventLog, postgresAccess, postgresCatalog } from './stores/postgres/stores.ts'
import { PostgresUsageStore } from './stores/postgres/usage-store.ts'
import type { Database } from './stores/redis/databases.ts'
import type { Recording } from './stores/redis/recording.ts'

/** `keys`: those that this instance has cached. */
export type Composed = { app: ReturnType<typeof createApp>; services: Services; keys: KeyCache }

export type Connections = {
  /** by their names */
  databases: Record<string, Database>
  /** `remote`: in another process; they need the fence of a segment's age. */
  counters: 'embedded' | 'remote'
  /** Whether requests may share calls, as they may in Node and not in a Worker. */
  shared: boolean
  /** What stands before the counters when events are recorded, such as committers. */
  through?: Recording['through']
  db: Db
} & LogStores

export function compose(
  config: Config,
  { databases, counters, shared, through, db, blocks, exportFiles }: Connections,
  adminToken: string | null,
): Composed {
  const limits = limitsOf(config, counters)
  const clock = Date.now
  const placed = placedStores(databases, db, limits, {
    first: config.PARTITIONS,
    recording: { coalesce: shared, waitMs: config.COMMIT_WAIT_MS, ...(through && { through }) },
    clock,
  })
  const access = tellingPlacements(postgresAccess(db), placed.placements, clock)
  const services: Services = {
    limits,
    ...placed,
    usage: new PostgresUsageStore(db),
    hours: new PostgresHoursStore(db),
    hoursKeptDays: hoursKeptDaysOf(config, limits),
    ...eventLog(db, blocks),
    exportFiles,
    access,
    configs: new ConfigCache(access, clock),
    catalog: postgresCatalog(db),
    idempotency: new PostgresIdempotencyStore(db),
    accounts: new PostgresAccountStore(db),
    coupons: new PostgresCouponStore(db),
    billing: billingSettingsOf(config, limits),
    logKept: blocks !== null,
    logDays: config.EVENT_LOG_DAYS,
    importLines: config.IMPORT_LINES ?? (shared ? Number.POSITIVE_INFINITY : LINES_PER_REQUEST),
    adminToken,
  }
  const keys = new KeyCache(services.clock)
  return { app: createApp(services, keys), services, keys }
}
