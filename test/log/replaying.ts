// A tenant whose meters come at different times, beside one that had them all from the beginning: both are sent the same events.

import { expect } from 'vitest'
import { ConfigCache } from '../../src/access/config-cache.ts'
import { newKey } from '../../src/access/create-key.ts'
import { text } from '../../src/kernel/decimal.ts'
import { newId } from '../../src/kernel/ids.ts'
import { HOUR_MS, rfc3339 } from '../../src/kernel/time.ts'
import type { BlockStore } from '../../src/log/block-store.ts'
import { type FillServices, fillMeters } from '../../src/log/fill-meters.ts'
import { createMeter } from '../../src/metering/create-meter.ts'
import { type MeterInput, meterInputSchema } from '../../src/metering/meter-input.ts'
import { readUsage } from '../../src/metering/read-usage.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { type Sent, tenantConfig } from '../support/metering.ts'
import type { PostgresBackend } from '../support/postgres.ts'
import type { RedisBackend } from '../support/redis.ts'
import { send, worldOn } from '../support/world.ts'

export const CUSTOMERS = ['alice', 'bob']
export const HOURS = 4
/** The last of the hours is the one that the test begins in. */
export const FIRST_HOUR_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - (HOURS - 1) * HOUR_MS

/** Where blocks may be: in the transactions of the index, and outside. */
export const blockStores: { name: string; open: (postgres: PostgresBackend) => BlockStore }[] = [
  { name: 'Postgres, beside the index', open: ({ db }) => new PostgresBlockStore(db) },
  { name: 'a store outside', open: () => new MemoryBlockStore() },
]

export function replayWorld(redis: RedisBackend, postgres: PostgresBackend, blocks?: BlockStore) {
  const access = postgresAccess(postgres.db)
  const world = worldOn(redis, postgres, tenantConfig(), {}, blocks)
  return {
    ...world,
    access,
    catalog: postgresCatalog(postgres.db),
    configs: new ConfigCache(access, Date.now),
  }
}
export type ReplayWorld = ReturnType<typeof replayWorld>

export async function newTenant({ access }: ReplayWorld): Promise<string> {
  const tenant = { unmetered: 'refuse' as const, id: newId(), name: 'acme', timezone: 'UTC', currency: 'USD' }
  await access.createTenant(tenant, newKey('first', { newId }).stored, 'default')
  return tenant.id
}

export const meterInput = (more: Partial<MeterInput> & { key: string }): MeterInput =>
  meterInputSchema.parse({ resource_type: 'api_call', aggregation: 'count', ...more })

export async function addMeter(world: ReplayWorld, tenantId: string, input: MeterInput) {
  const tenant = await world.configs.load(tenantId)
  return (await createMeter(world, { tenant, newId }, input)).meter
}

export async function sendTo(
  world: ReplayWorld,
  tenantId: string,
  events: Sent[],
  history = false,
): Promise<void> {
  await send(world, await world.configs.load(tenantId), events, 'strict', history)
}

/** By customer, meter and hour; of meters that are being filled nothing. */
export async function figures(
  world: ReplayWorld,
  tenantId: string,
  more: { history?: boolean } = {},
): Promise<{ shown: Record<string, string>; incomplete: ReadonlySet<string> }> {
  const boundariesMs = Array.from({ length: HOURS + 2 }, (_, i) => FIRST_HOUR_MS + i * HOUR_MS)
  const query = { customerIds: CUSTOMERS, meter: null, boundariesMs, groupBy: [], ...more }
  const { quantities, incomplete } = await readUsage(world, await world.configs.load(tenantId), query)
  const shown = quantities
    .filter(({ meter }) => !incomplete.has(meter.key))
    .map(({ customerId, meter, window, quantity }) => [
      `${customerId} ${meter.key} ${rfc3339(boundariesMs[window]!)}`,
      text(quantity),
    ])
  return { shown: Object.fromEntries(shown), incomplete }
}

/** Runs until nothing more is to be done, and gives the keys of what was filled. */
export async function fillAll(services: FillServices): Promise<string[]> {
  const filled: string[] = []
  for (let runs = 0; runs < 50; runs++) {
    const report = await fillMeters(services)
    expect(report.failed).toEqual([])
    filled.push(...report.filled)
    if (!report.more) return filled.sort()
  }
  throw new Error('A meter is never filled')
}
