// The same with what hey-api makes. It is compiled, not run.

import type { BillLine, ListMetersData, Meter, MeterPage, RecordUsageErrors } from '../out/hey-api/index.js'
import { createMeter, recordUsage } from '../out/hey-api/index.js'

export function narrows(error: RecordUsageErrors[keyof RecordUsageErrors]): 409 | null {
  if (error.code === 'event_conflict') return error.status satisfies 409
  // @ts-expect-error: recording usage never answers this
  if (error.code === 'already_priced') return null
  return null
}

export const query: ListMetersData['query'] = { limit: 20 }
export const first = (page: MeterPage): Meter | undefined => page.data[0]

export function unitAmount({ price }: BillLine): string | null {
  return price?.model === 'per_unit' ? price.unit_amount : null
}

export const calls = [
  () => createMeter({ body: { key: 'calls', resource_type: 'call', aggregation: 'sum' } }),
  () => recordUsage({ body: [{ customer_id: 'cust_42', resource_type: 'call' }] }),
]
