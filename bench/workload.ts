// What is sent: events of some two hundred customers, each with an id of its own; and the tenant that they belong to.

import type { TenantConfig } from '../src/metering/meter.ts'

export const CUSTOMERS = 200
export const RESOURCE_TYPE = 'api_call'
export const METER = 'api_calls'
export const METER_ID = 'benchedmeter'
/** A tenth is what floats can't keep. */
export const QUANTITY = '0.1'

export const meterInput = { key: METER, resource_type: RESOURCE_TYPE, aggregation: 'sum' }

/** For what is measured without HTTP: a tenant that only its counters know. */
export const tenantConfig = (tenantId: string = crypto.randomUUID()): TenantConfig => ({
  tenantId,
  timezone: 'UTC',
  currency: 'USD',
  unmetered: 'refuse',
  dedupeWindowHours: null,
  version: 1,
  revisions: [],
  meters: [
    {
      id: METER_ID,
      key: METER,
      name: null,
      resourceType: RESOURCE_TYPE,
      aggregation: 'sum',
      value: 'quantity',
      groupBy: [],
      missing: 'refuse',
      filter: [],
      countsFromMs: null,
      revision: null,
      createdAt: new Date(0),
      archivedAt: null,
    },
  ],
})

export type SentEvent = {
  id: string
  customer_id: string
  resource_type: string
  quantity: string
  timestamp?: string
}

/** Events without end, the customers in turn. */
export function eventSource(): () => SentEvent {
  const run = crypto.randomUUID().slice(0, 8)
  let n = 0
  return () => {
    n++
    return {
      id: `req_${run}_${n}`,
      customer_id: `customer_${n % CUSTOMERS}`,
      resource_type: RESOURCE_TYPE,
      quantity: QUANTITY,
    }
  }
}
