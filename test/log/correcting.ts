// Corrections beside the log that they correct: a tenant with a meter of every aggregation, and figures by customer, meter,
// hour and group.

import { newId } from '../../src/kernel/ids.ts'
import type { ActFilter, EventChange } from '../../src/log/act.ts'
import { correctEvent } from '../../src/log/correct-event.ts'
import {
  applyCorrection,
  type Drafting,
  draftCorrection,
  revertCorrection,
} from '../../src/log/draft-correction.ts'
import { flush } from '../../src/metering/flush.ts'
import { aggregations } from '../../src/metering/meter.ts'
import type { MeterInput } from '../../src/metering/meter-input.ts'
import { addMeter, meterInput, newTenant, type ReplayWorld } from './replaying.ts'

export const everyMeter = (counts_from?: string): MeterInput[] =>
  aggregations.map((aggregation) =>
    meterInput({
      key: aggregation,
      aggregation,
      value:
        aggregation === 'count' || aggregation === 'sum'
          ? 'quantity'
          : aggregation === 'unique_count'
            ? 'user'
            : 'v',
      group_by: aggregation === 'max' || aggregation === 'sum' ? ['user'] : [],
      filter: aggregation === 'avg' ? [{ property: 'user', op: 'ne', value: 'u1' }] : [],
      ...(counts_from !== undefined && { counts_from }),
    }),
  )

export async function correctedTenant(world: ReplayWorld): Promise<string> {
  const tenant = await newTenant(world)
  for (const input of everyMeter()) await addMeter(world, tenant, input)
  return tenant
}

export const settleAll = (world: ReplayWorld) => flush(world, { leaseMs: 0 })

export const ALL: ActFilter = {
  eventId: null,
  receivedFrom: 0,
  customerId: null,
  resourceType: null,
  fromMs: null,
  toMs: null,
  properties: [],
}

/** Nobody is billed here. */
export const servicesOf = (world: ReplayWorld): Drafting => ({
  ...world,
  priceEffect: async () => ({ customers: [], more: 0 }),
})

export const draft = (
  world: ReplayWorld,
  tenantId: string,
  filter: Partial<ActFilter>,
  set: EventChange | null,
) =>
  draftCorrection(
    servicesOf(world),
    { tenantId, newId },
    {
      action: set === null ? 'void' : 'amend',
      filter: { ...ALL, ...filter },
      set: set ?? {},
      reason: 'a test',
      asCreditNote: false,
    },
  )

export async function corrected(
  world: ReplayWorld,
  tenantId: string,
  filter: Partial<ActFilter>,
  set: EventChange | null,
): Promise<string> {
  const { correction } = await draft(world, tenantId, filter, set)
  await applyCorrection(servicesOf(world), tenantId, correction.correction)
  return correction.correction
}

export const reverted = (world: ReplayWorld, tenantId: string, id: string) =>
  revertCorrection(servicesOf(world), tenantId, id)

export async function correctOne(world: ReplayWorld, tenantId: string, id: string, set: EventChange | null) {
  const tenant = await world.configs.load(tenantId)
  const asked = {
    id,
    action: set === null ? ('void' as const) : ('amend' as const),
    set: set ?? {},
    reason: 'one',
    asCreditNote: false,
  }
  return correctEvent({ ...servicesOf(world), ...world }, { tenant, newId }, asked)
}
