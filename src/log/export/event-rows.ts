// Accepted events as rows of an export, in the order of their arrival.

import type { TenantConfig } from '../../metering/meter.ts'
import type { TenantConfigs } from '../../metering/ports.ts'
import { type DescribedEvent, describeEvents } from '../describe-event.ts'
import type { Position } from '../entry.ts'
import { findEvents, type LogServices } from '../find-events.ts'
import type { EventFilter } from '../ports.ts'
import { EVENTS_PER_EXPORT_PAGE } from './limits.ts'
import { micros, type Row } from './table.ts'
import type { tables } from './tables.ts'

export type EventRow = Row<typeof tables.events.columns>

/** What was accepted before it began: what comes meanwhile would be no end. */
export async function* eventRows(
  services: LogServices & { clock: () => number; configs: TenantConfigs },
  tenant: TenantConfig,
  filter: EventFilter,
): AsyncGenerator<EventRow[]> {
  const untilMicros = services.clock() * 1_000
  let after: Position | null = null
  do {
    const query = { filter, order: 'asc' as const, after, limit: EVENTS_PER_EXPORT_PAGE }
    const { events, next } = await findEvents(services, tenant.tenantId, query)
    const wanted = events.filter(({ receivedMicros }) => receivedMicros <= untilMicros)
    yield (await describeEvents(services, tenant, wanted)).map(rowOf)
    after = wanted.length === events.length ? next : null
  } while (after !== null)
}

const rowOf = (event: DescribedEvent): EventRow => ({
  id: event.id,
  customer_id: event.customerId,
  resource_type: event.resourceType,
  quantity: event.quantity,
  timestamp: micros(event.timestampMs),
  properties: event.properties,
  received_at: BigInt(event.receivedMicros),
  meters: event.countings.map(({ meter }) => meter.key),
  history: event.history,
})
