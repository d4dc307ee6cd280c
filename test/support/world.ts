// Record, flush and bill over a pair of stores: what the tests of the laws turn and break.

import { text } from '../../src/kernel/decimal.ts'
import { HOUR_MS } from '../../src/kernel/time.ts'
import type { BlockStore } from '../../src/log/block-store.ts'
import type { ErasureNotes } from '../../src/log/erasure-ports.ts'
import type { ActNotes } from '../../src/log/offered-ports.ts'
import { BlockWriter } from '../../src/log/write-blocks.ts'
import { defaultLimits, type Limits } from '../../src/metering/limits.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import type { CounterStore, TenantConfigs, UsageStore } from '../../src/metering/ports.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import type { RecordResult } from '../../src/metering/record-result.ts'
import { recordUsage } from '../../src/metering/record-usage.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { eventLog } from '../../src/stores/postgres/stores.ts'
import { PostgresUsageStore } from '../../src/stores/postgres/usage-store.ts'
import { RedisCounterStore } from '../../src/stores/redis/counter-store.ts'
import type { Sent } from './metering.ts'
import type { PostgresBackend } from './postgres.ts'
import type { RedisBackend } from './redis.ts'
import { spreadCounters } from './two-databases.ts'

export type World = {
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  configs: TenantConfigs
} & ReturnType<typeof eventLog>

/** … and it keeps a log. */
export type LoggedWorld = World & { blocks: BlockStore; counters: CounterStore & ErasureNotes & ActNotes }

/** Without a fence unless `limits` says otherwise, so that a flush settles at once. */
export function worldOn(
  redis: RedisBackend,
  postgres: PostgresBackend,
  config: TenantConfig,
  more: Partial<Limits> = {},
  blocks: BlockStore = new PostgresBlockStore(postgres.db),
): LoggedWorld {
  const limits = { ...defaultLimits, segmentMaxAgeMs: Number.POSITIVE_INFINITY, settleAfterMs: 0, ...more }
  return {
    clock: Date.now,
    limits,
    counters: countersOn(redis, postgres, config, limits),
    usage: new PostgresUsageStore(postgres.db),
    configs: { reload: async () => config },
    ...eventLog(postgres.db, blocks),
    blocks,
  }
}

const countersOn = (
  { connection, second }: RedisBackend,
  { db }: PostgresBackend,
  config: TenantConfig,
  limits: Limits,
): RedisCounterStore =>
  second === undefined
    ? RedisCounterStore.inOne(connection, limits, 1)
    : spreadCounters({ connection, second }, db, config, limits)

export const send = (
  world: World,
  config: TenantConfig,
  events: Sent[],
  handling: 'strict' | 'lenient' = 'strict',
  history = false,
): Promise<RecordResult> =>
  recordUsage(world, config, {
    events: events.map((event, i) => ({
      sent: { customer_id: 'alice', resource_type: 'api_call', ...event },
      pointer: `#/${i}`,
    })),
    handling,
    history,
  })

/** Quantities by meter over the last 40 days and the hours around now. */
export async function totals(
  world: World,
  config: TenantConfig,
  customerId = 'alice',
): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const { quantities } = await readUsage(world, config, {
    customerIds: [customerId],
    meter: null,
    boundariesMs: [now - 40 * 24 * HOUR_MS, now + 2 * HOUR_MS],
    groupBy: [],
  })
  return Object.fromEntries(quantities.map(({ meter, quantity }) => [meter.key, text(quantity)]))
}

type Port = { [name: string]: unknown }

/** Changes nothing, and asks for nothing that others change: no step of what is broken off, or put in order. */
const ASIDE = 'listPartitions'

/** The same port, with `around` called in place of every method: it decides whether and when the real one is called. */
export function intercept<P extends object>(
  port: P,
  around: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
): P {
  return new Proxy(port, {
    get(target, name) {
      const member = (target as Port)[name as string]
      if (typeof member !== 'function') return member
      if (name === ASIDE) return member.bind(target)
      return (...args: unknown[]) =>
        around(String(name), () => member.apply(target, args) as Promise<unknown>)
    },
  })
}

/** The log with its block store and its index intercepted: for its readers, and for the aggregator that writes it. */
export function interceptedLog(
  world: World,
  around: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
): Pick<LoggedWorld, 'log' | 'blocks' | 'logIndex'> {
  const blocks = intercept(world.blocks!, around)
  return { log: new BlockWriter(blocks), blocks, logIndex: intercept(world.logIndex, around) }
}
