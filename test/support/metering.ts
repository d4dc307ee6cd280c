// Builders for metering tests.

import { batchOf, deltasOf } from '../../src/metering/count-events.ts'
import { parseEvent } from '../../src/metering/event.ts'
import type { Aggregation, Meter, TenantConfig } from '../../src/metering/meter.ts'
import type { RecordBatch } from '../../src/metering/ports.ts'

/** Nothing like its key: what takes one for the other finds nothing. */
export const meterId = (key: string): string => `id0of0${key}`

export const meter = (key: string, aggregation: Aggregation, more: Partial<Meter> = {}): Meter => ({
  id: meterId(key),
  key,
  name: null,
  resourceType: 'api_call',
  aggregation,
  value: 'quantity',
  groupBy: [],
  missing: 'refuse',
  filter: [],
  countsFromMs: null,
  revision: null,
  createdAt: new Date(0),
  archivedAt: null,
  ...more,
})

export const tenantConfig = (
  meters: Meter[] = [meter('calls', 'sum')],
  more: Partial<TenantConfig> = {},
): TenantConfig => ({
  tenantId: crypto.randomUUID(),
  timezone: 'UTC',
  currency: 'USD',
  unmetered: 'refuse',
  dedupeWindowHours: null,
  version: 1,
  meters,
  revisions: [],
  ...more,
})

export type Sent = {
  id?: string
  customer_id?: string
  quantity?: number | string
  timestamp?: string
  resource_type?: string
  properties?: Record<string, unknown>
}

/** The batch of these events, as record would send it. */
export function batch(
  config: TenantConfig,
  events: Sent[],
  handling: RecordBatch['handling'] = 'strict',
): RecordBatch {
  const counted = events.map((sent) => {
    const event = parseEvent(
      { customer_id: 'alice', resource_type: 'api_call', ...sent },
      '#',
      Date.now(),
      () => crypto.randomUUID(),
    )
    if (Array.isArray(event)) throw new Error(JSON.stringify(event))
    const meters = config.meters.filter(
      (one) => one.resourceType === event.resourceType && one.archivedAt === null,
    )
    const counted = deltasOf(event, meters, config, '#')
    if (Array.isArray(counted)) throw new Error(JSON.stringify(counted))
    return { event, deltas: counted.deltas }
  })
  return batchOf(counted, config, { handling, logged: false })
}
