// An isolate: one process of the app, with its own clock and caches, and the real stores' code over the wires.

import { ConfigCache } from '../../src/access/config-cache.ts'
import type { AccessStore } from '../../src/access/ports.ts'
import type { AccountStore, CouponStore } from '../../src/billing/account-ports.ts'
import type { CatalogStore } from '../../src/billing/ports.ts'
import { type BillingSettings, defaultBillingSettings } from '../../src/billing/settings.ts'
import type { Limits } from '../../src/metering/limits.ts'
import type { CounterStore, RecordBatch, UsageStore } from '../../src/metering/ports.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { PostgresAccountStore } from '../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../src/stores/postgres/coupon-store.ts'
import type { Db } from '../../src/stores/postgres/db.ts'
import { postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import type { RedisConnection, Reply } from '../../src/stores/redis/connection.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import { scriptNamed } from './stores.ts'
import type { World } from './world.ts'

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
}

export class Isolate {
  readonly number: number
  readonly skewMs: number
  readonly services: IsolateServices
  readonly read: typeof readUsage

  constructor(world: World, number: number, skewMs: number) {
    this.number = number
    this.skewMs = skewMs
    const clock = () => world.time.nowMs + skewMs
    const redis = redisOverWire(world, number)
    const db = postgresOverWire(world)
    const access = postgresAccess(db)
    const { partitions, coalesce } = world.setup
    const counters = watched(world, new RedisCounterStore(redis, world.limits, partitions, { coalesce }))
    const usage = new PostgresUsageStore(db)
    this.services = {
      clock,
      limits: world.limits,
      counters: world.bug?.counters?.(counters, redis) ?? counters,
      usage: world.bug?.usage?.(usage) ?? usage,
      configs: new ConfigCache(access, clock),
      access,
      catalog: postgresCatalog(db),
      accounts: new PostgresAccountStore(db),
      coupons: new PostgresCouponStore(db),
      billing: defaultBillingSettings,
    }
    this.read = world.bug?.read ?? readUsage
  }
}

/** Tells what goes out, as it goes out; what becomes of it is seen on the wire. */
function watched(world: World, counters: RedisCounterStore): CounterStore {
  return new Proxy(counters as CounterStore, {
    get(target, name) {
      const member = (target as unknown as Record<PropertyKey, unknown>)[name]
      if (name !== 'record') return typeof member === 'function' ? member.bind(target) : member
      return (batch: RecordBatch) => {
        const tenant = world.tenants.find(({ id }) => id === batch.tenantId)!.number
        world.acceptances.sending(batch, (customer, kind) => world.oracle.eventsOf(tenant, customer, kind))
        return counters.record(batch)
      }
    },
  })
}

function redisOverWire(world: World, isolate: number): RedisConnection {
  const { network, redis, setup } = world
  const run = (command: 'EVAL' | 'EVALSHA', what: string, keys: string[], args: string[]) => {
    const name = scriptNamed(what)?.name ?? command
    return network.call('redis', name, setup.resends, async () => {
      const reply = await redis.evaluate(command, what, keys, args)
      if (name === 'record') world.acceptances.applied(isolate, args, reply)
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
function postgresOverWire(world: World): Db {
  const { network, postgres } = world
  return {
    execute: (statement: Parameters<Db['execute']>[0]) =>
      network.call('postgres', 'statement', 0, () => postgres.execute(statement as never)),
  } as unknown as Db
}
