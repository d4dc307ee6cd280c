// The event log as its readers see it, all of it.

import type { LogEntry, Position } from '../../src/log/entry.ts'
import { ALL_EVENTS } from '../../src/log/filter.ts'
import { findEvents, type LogServices } from '../../src/log/find-events.ts'
import type { EventFilter, Order } from '../../src/log/ports.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'

/** More than any test has. */
const PAGES = 10_000

export type Reading = {
  filter?: Partial<EventFilter>
  order?: Order
  /** of each page */
  limit?: () => number
  /** called between two pages */
  between?: () => Promise<unknown>
}

export async function logOf(
  services: LogServices,
  { tenantId }: Pick<TenantConfig, 'tenantId'>,
  { filter = {}, order = 'asc', limit = () => 100, between }: Reading = {},
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  let after: Position | null = null
  for (let page = 0; page < PAGES; page++) {
    const query = { filter: { ...ALL_EVENTS, ...filter }, order, after, limit: limit() }
    const found = await findEvents(services, tenantId, query)
    if (found.events.length > query.limit) throw new Error(`A page has more than ${query.limit} events`)
    entries.push(...found.events)
    if (found.next === null) return entries
    after = found.next
    await between?.()
  }
  throw new Error(`The log has no end after ${PAGES} pages`)
}

export const idsOf = (entries: { id: string }[]): string[] => entries.map(({ id }) => id)
