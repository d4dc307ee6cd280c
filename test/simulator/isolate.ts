// An isolate: one process of the app, with its own clock and caches, and the real stores' code over the wires.

import { ConfigCache } from '../../src/access/config-cache.ts'
import type { AccessStore } from '../../src/access/ports.ts'
import type { AccountStore, CouponStore } from '../../src/billing/account-ports.ts'
import type { CatalogStore } from '../../src/billing/ports.ts'
import { type BillingSettings, defaultBillingSettings } from '../../src/billing/settings.ts'
import type { LogServices } from '../../src/log/find-events.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { CounterStore, SegmentLog, UsageStore } from '../../src/metering/ports.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { eventLog, postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import type { RedisConnection, Reply } from '../../src/stores/redis/connection.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import type { Stage } from './stage.ts'
import { scriptNamed } from './stores.ts'

export type IsolateServices = {
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  configs: ConfigCache
  access: AccessStore
  catalog: CatalogStore
  accounts: AccountStore
  coupons: CouponStore
  billing: BillingSettings
  log: SegmentLog | null
} & Pick<LogServices, 'blocks' | 'logIndex'>

export class Isolate {
  readonly number: number
  readonly skewMs: number
  readonly services: IsolateServices
  readonly read: typeof readUsage

  constructor(stage: Stage, number: number, skewMs: number) {
    this.number = number
    this.skewMs = skewMs
    const clock = () => stage.time.nowMs + skewMs
    const redis = redisOverWire(stage, number)
    const db = postgresOverWire(stage)
    const access = postgresAccess(db)
    const { partitions, coalesce } = stage.setup
    const counters = stage.watched(new RedisCounterStore(redis, stage.limits, partitions, { coalesce }))
    const usage = new PostgresUsageStore(db)
    const accounts = new PostgresAccountStore(db)
    const blocks = new PostgresBlockStore(db)
    const { log, logIndex } = eventLog(db, stage.bug?.blocks?.(blocks) ?? blocks)
    this.services = {
      log,
      blocks,
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
  }
}

function redisOverWire(stage: Stage, isolate: number): RedisConnection {
  const { network, redis, setup } = stage
  const run = (command: 'EVAL' | 'EVALSHA', what: string, keys: string[], args: string[]) => {
    const name = scriptNamed(what)?.name ?? command
    return network.call('redis', name, setup.resends, async () => {
      const reply = await redis.evaluate(command, what, keys, args)
      if (name === 'record') stage.recorded(isolate, args, reply)
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
    execute: (statement: Parameters<Db['execute']>[0]) =>
      network.call('postgres', 'statement', 0, () => postgres.execute(statement as never)),
  } as unknown as Db
}
