// From a line of usage down to its events, and from an event up to the line that bills it.

import { HOUR_MS } from '../../kernel/time.ts'
import { type DescribedEvent, describeEvents } from '../../log/describe-event.ts'
import type { Position } from '../../log/entry.ts'
import { ALL_EVENTS } from '../../log/filter.ts'
import { findEvents, type LogServices } from '../../log/find-events.ts'
import type { Order } from '../../log/ports.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { meterNamed } from '../../metering/meter.ts'
import type { TenantConfigs } from '../../metering/ports.ts'
import type { AccountStore } from '../account-ports.ts'
import type { Invoice, Match, UsageLine } from './invoice.ts'
import { matchesBeside, usageLineOf } from './line-usage.ts'
import type { InvoiceServices } from './read-invoice.ts'

type Services = InvoiceServices & LogServices & { configs: TenantConfigs }
type Wanted = { id: string; line: number; order: Order; after: Position | null; limit: number }

/**
 * The events that a line counts, a page of them. Of an adjustment, those of the line that it adjusts, as they are now. Throws
 * not_found for a line that no usage is behind.
 */
export async function lineEvents(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { id, line: number, ...page }: Wanted,
): Promise<{ events: DescribedEvent[]; next: Position | null }> {
  const { invoice, line } = await usageLineOf(services, { tenant }, id, number)
  const filter = {
    ...ALL_EVENTS,
    customerId: invoice.customerId,
    resourceType: meterNamed(tenant, line.meter).resourceType,
    fromMs: line.fromMs,
    toMs: line.toMs,
  }
  const parts = matchesBeside(invoice, line)
  const found = await findEvents(services, tenant.tenantId, { filter, ...page })
  const described = await describeEvents(services, tenant, found.events)
  return { events: described.filter((event) => isOn(event, line, parts)), next: found.next }
}

/** An event is on the first line whose groups it matches; on that of the rest if there is none. History is on none. */
function isOn(event: DescribedEvent, line: UsageLine, parts: NonNullable<Match>[]): boolean {
  if (event.history) return false
  const counting = event.countings.find(({ meter }) => meter.key === line.meter)
  if (counting === undefined) return false
  const part = parts.find((match) =>
    Object.entries(match).every(([property, value]) => (counting.group[property] ?? null) === value),
  )
  return (part ?? null) === line.match
}

export type EventLine = { invoice: Invoice; line: number }

/** By event and meter (its key), the line of an issued invoice that bills it; none: it is not billed yet. */
export async function linesOf(
  { accounts }: { accounts: Pick<AccountStore, 'invoicesReached'> },
  tenantId: string,
  events: DescribedEvent[],
): Promise<(event: DescribedEvent, meter: string) => EventLine | undefined> {
  const spans = events.flatMap(({ customerId, countings }) =>
    countings.map(({ meter, hourMs }) => ({
      ...{ customerId, meter: meter.key },
      ...{ fromMs: hourMs, toMs: hourMs + HOUR_MS },
    })),
  )
  if (spans.length === 0) return () => undefined
  const invoices = await accounts.invoicesReached(tenantId, spans)
  return (event, meter) => {
    const hourMs = event.countings.find((one) => one.meter.key === meter)?.hourMs ?? Number.NaN
    for (const invoice of invoices) {
      if (invoice.customerId !== event.customerId) continue
      const line = invoice.lines.findIndex(
        (one) =>
          one.kind === 'usage' &&
          one.meter === meter &&
          one.fromMs <= hourMs &&
          hourMs < one.toMs &&
          isOn(event, one, matchesBeside(invoice, one)),
      )
      if (line >= 0) return { invoice, line: line + 1 }
    }
    return undefined
  }
}
