// Reading the hours that a span's quantity is made of, exact at this instant: what explains a line of an invoice.

import { type Decimal, zero } from '../kernel/decimal.ts'
import type { PageRequest } from '../kernel/page.ts'
import { eventsOf, plainQuantity } from './aggregate.ts'
import type { TenantConfig } from './meter.ts'
import { type ReadServices, readLive } from './read-live.ts'
import { metersOf, type Span, usageSpanOf } from './span.ts'

/** `incomplete`: the meter is being filled, and what it has not counted yet comes. */
export type Hours = { hours: HourQuantity[]; incomplete: boolean }

export type HourQuantity = {
  bucketMs: number
  /** of this hour alone: for a weighted_sum how the level changed, for a unique_count the hour's own distinct values */
  quantity: Decimal
  settledQuantity: Decimal
  /** as in PartQuantity */
  events: Decimal
}

/**
 * Hours with counters, ascending; one more than `limit` if there is one. `part`: index of one of the span's parts, null for
 * the rest. `page.after`: `bucketMs` of the last hour that was seen, as text.
 */
export async function readHours(
  services: ReadServices,
  tenant: TenantConfig,
  { span, part }: { span: Span; part: number | null },
  page: PageRequest,
): Promise<Hours> {
  const { config, live, incomplete } = await readLive(services, tenant, [span.customerId])
  const { meter, wanted } = usageSpanOf(config, span)
  const startMs = page.after === null ? span.startMs : Math.max(span.startMs, Number(page.after) + 1)
  const rows = await services.usage.hourTotals(
    tenant.tenantId,
    { span: { ...wanted, level: false, startMs }, part, limit: page.limit + 1 },
    live,
  )
  const hours = rows.map(({ bucketMs, all, settled }) => ({
    bucketMs,
    quantity: plainQuantity(meter.aggregation, all),
    settledQuantity: settled ? plainQuantity(meter.aggregation, settled) : zero,
    events: eventsOf(meter.aggregation, all),
  }))
  return { hours, incomplete: metersOf(wanted).some((id) => incomplete.has(id)) }
}
