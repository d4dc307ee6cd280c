// An isolate: one process of the app, with its own clock and caches, and the real stores' code over the wires.

import { ConfigCache } from '../../src/access/config-cache.ts'
import { tellingPlacements } from '../../src/access/placement-cache.ts'
import type { AccessStore } from '../../src/access/ports.ts'
import type { AccountStore, CouponStore } from '../../src/billing/account-ports.ts'
import type { CatalogStore } from '../../src/billing/ports.ts'
import { type BillingSettings, defaultBillingSettings } from '../../src/billing/settings.ts'
import type { CorrectionStore } from '../../src/log/act-ports.ts'
import type { EraseServices } from '../../src/log/erase-events.ts'
import { type FillServices, fillMeters } from '../../src/log/fill-meters.ts'
import type { LogServices } from '../../src/log/find-events.ts'
import type { OfferedActStore } from '../../src/log/offered-ports.ts'
import type { RetentionStore } from '../../src/log/retention-ports.ts'
import type { TransferStore } from '../../src/log/transfer.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { SegmentLog, UsageStore } from '../../src/metering/ports.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { type PlacedStores, placedStores } from '../../src/stores/placing.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { eventLog, postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import type { RedisConnection, Reply } from '../../src/stores/redis/connection.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import type { Counters } from './bug.ts'
import { storeOf } from './network.ts'
import type { Stage } from './stage.ts'
import { scriptNamed } from './stores.ts'

export type IsolateServices = {
  clock: () => number
  limits: Limits
  counters: Counters
  usage: UsageStore
  configs: ConfigCache
  access: AccessStore
  catalog: CatalogStore
  accounts: AccountStore
  coupons: CouponStore
  billing: BillingSettings
  log: SegmentLog | null
  corrections: CorrectionStore
  offered: OfferedActStore
  transfers: TransferStore
  retention: RetentionStore
} & Pick<LogServices, 'blocks' | 'logIndex'> &
  Pick<EraseServices, 'erasures'> &
  Pick<FillServices, 'replays' | 'acts'>

export class Isolate {
  readonly number: number
  readonly skewMs: number
  readonly services: IsolateServices
  /** null: no tenant is ever moved */
  readonly placing: PlacedStores | null
  readonly read: typeof readUsage
  readonly fill: typeof fillMeters

  constructor(stage: Stage, number: number, skewMs: number) {
    this.number = number
    this.skewMs = skewMs
    const clock = () => stage.time.nowMs + skewMs
    const redis = redisOverWire(stage, number, 0)
    const db = postgresOverWire(stage)
    const { partitions, coalesce } = stage.setup
    this.placing = placedOverWires(stage, number, db, clock)
    const inOne = () => RedisCounterStore.inOne(redis, stage.limits, partitions, { coalesce })
    const counters = stage.watched(this.placing?.counters ?? inOne())
    const stored = postgresAccess(db)
    const access = this.placing ? tellingPlacements(stored, this.placing.placements, clock) : stored
    const usage = new PostgresUsageStore(db)
    const accounts = new PostgresAccountStore(db)
    const blocks = new PostgresBlockStore(db)
    const ofLog = eventLog(db, stage.bug?.blocks?.(blocks) ?? blocks)
    const { log, logIndex, corrections, offered, erasures, replays, acts, transfers, retention } = ofLog
    this.services = {
      log,
      blocks,
      acts,
      transfers,
      retention,
      erasures: stage.bug?.erasures?.(erasures) ?? erasures,
      replays: stage.bug?.replays?.(replays) ?? replays,
      corrections: stage.bug?.corrections?.(corrections) ?? corrections,
      offered: stage.bug?.offered?.(offered) ?? offered,
      logIndex: stage.bug?.logIndex?.(logIndex) ?? logIndex,
      clock,
      limits: stage.limits,
      counters: stage.bug?.counters?.(counters, redis) ?? counters,
      usage: stage.bug?.usage?.(usage) ?? usage,
      configs: new ConfigCache(access, clock),
      access,
      catalog: postgresCatalog(db),
      accounts: stage.bug?.accounts?.(accounts, db) ?? accounts,
      coupons: new PostgresCouponStore(db),
      billing: { ...defaultBillingSettings, ...stage.setup.billing },
    }
    this.read = stage.bug?.read ?? readUsage
    this.fill = stage.bug?.fill ?? fillMeters
  }
}

export const databaseNames = ['main', 'second', 'third'] as const

function placedOverWires(stage: Stage, isolate: number, db: Db, clock: () => number): PlacedStores | null {
  const { partitions: first, databases, coalesce } = stage.setup
  if (databases === undefined) return null
  const named = databaseNames
    .slice(0, databases)
    .map((name, n) => [name, { connection: redisOverWire(stage, isolate, n) }])
  return placedStores(Object.fromEntries(named), db, stage.limits, {
    ...{ first, recording: { coalesce }, clock },
    ...(stage.bug?.nonce && { newNonce: stage.bug.nonce }),
  })
}

function redisOverWire(stage: Stage, isolate: number, database: number): RedisConnection {
  const { network, databases, setup } = stage
  const redis = databases[database]!
  const store = storeOf(database)
  const run = (command: 'EVAL' | 'EVALSHA', what: string, keys: string[], args: string[]) => {
    const name = scriptNamed(what)?.name ?? command
    return network.call(store, name, setup.resends, async () => {
      const reply = await redis.evaluate(command, what, keys, args)
      if (name === 'record') stage.recorded(isolate, database, args, reply)
      return reply
    }) as Promise<Reply>
  }
  return {
    evalsha: (hash, keys, args) => run('EVALSHA', hash, keys, args),
    eval: (text, keys, args) => run('EVAL', text, keys, args),
    ping: async () => {},
    close: async () => {},
  }
}

/** Every statement of the stores goes through `execute`. */
function postgresOverWire(stage: Stage): Db {
  const { network, postgres } = stage
  return {
    execute: (statement: Parameters<Db['execute']>[0]) => {
      const actor = network.actorName()
      return network.call('postgres', 'statement', 0, async () => {
        const result = await postgres.execute(statement as never)
        await stage.executed(actor)
        return result
      })
    },
  } as unknown as Db
}
