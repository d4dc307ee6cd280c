// Reading usage of many spans that all differ, exact at this instant: one call to Redis and one statement for a batch of
// customers, each with periods of its own.

import { type Decimal, zero } from '../kernel/decimal.ts'
import { TollgateError } from '../kernel/errors.ts'
import { eventsOf, quantitiesOf } from './aggregate.ts'
import { liveWith } from './history.ts'
import { ROWS_PER_READ } from './limits.ts'
import type { Meter, TenantConfig } from './meter.ts'
import type { SpanTotals, UsageSpan } from './ports.ts'
import { type ReadServices, readLive } from './read-live.ts'
import { metersOf, type Span, usageSpanOf } from './span.ts'
import { daysIn, pieceDays, type SpanDays } from './span-days.ts'

export type PartQuantity = {
  quantity: Decimal
  /** what of it Postgres has; the rest is still live */
  settledQuantity: Decimal
  /** how many events it is of; zero where the meter's counters don't tell (all but sum, count and avg) */
  events: Decimal
}

/** A quantity for each part of the span, in their order, and for the rest: zero where there was nothing. */
export type SpanQuantity = {
  parts: PartQuantity[]
  rest: PartQuantity
  /** The meter is being filled: what it has not counted yet comes. */
  incomplete: boolean
}

/**
 * In the order of the spans. `history`: whether it counts, too, which is for no bill. Throws not_found for a meter that the tenant doesn't have, and too_many_counters for too much at
 * once: half of the customers may do.
 */
export async function readSpans(
  services: ReadServices,
  tenant: TenantConfig,
  spans: Span[],
  { history = false }: { history?: boolean } = {},
): Promise<SpanQuantity[]> {
  if (spans.length === 0) return []
  const customerIds = [...new Set(spans.map(({ customerId }) => customerId))]
  const { config, live, incomplete } = await readLive(services, tenant, customerIds)
  const days = inDays(config.timezone)
  const asked = spans.map((span) => usageSpanOf(config, span))
  const rows = await services.usage.spanTotals(
    tenant.tenantId,
    asked.map(({ wanted }) => ({ ...wanted, ...withDays(config.timezone, wanted, days), history })),
    liveWith(live, history),
  )
  if (rows.length > ROWS_PER_READ) throw tooManyRows()
  const bySpan = Map.groupBy(rows, ({ span }) => span)
  return spans.map((span, i) => {
    const byPart = Map.groupBy(bySpan.get(i) ?? [], ({ part }) => part)
    const of = (part: number | null) => quantityOf(asked[i]!.meter, span, byPart.get(part) ?? [])
    const parts = span.parts.map((_, part) => of(part))
    const isIncomplete = metersOf(asked[i]!.wanted).some((id) => incomplete.has(id))
    return { parts, rest: of(null), incomplete: isIncomplete }
  })
}

/** Hours of a meter that was revised are in several counters, each with days of its own. */
const withDays = (
  timezone: string,
  { startMs, endMs, pieces }: UsageSpan,
  days: ReturnType<typeof inDays>,
): Pick<UsageSpan, 'days' | 'pieces'> =>
  pieces === undefined
    ? { days: days({ startMs, endMs }) }
    : {
        days: null,
        pieces: pieces.map((piece) => ({ ...piece, ...pieceDays(timezone, [startMs, endMs], piece) })),
      }

/** Customers of a tenant have the same spans, for the most part. */
function inDays(timezone: string): (span: { startMs: number; endMs: number }) => SpanDays | null {
  const known = new Map<string, SpanDays | null>()
  return ({ startMs, endMs }) => {
    const key = `${startMs} ${endMs}`
    let days = known.get(key)
    if (days === undefined) {
      days = daysIn(timezone, startMs, endMs)
      known.set(key, days)
    }
    return days
  }
}

function quantityOf({ aggregation }: Meter, { startMs, endMs }: Span, rows: SpanTotals[]): PartQuantity {
  const windows = rows.map(({ before, all, settled }) => ({ window: before ? -1 : 0, all, settled }))
  const [found] = quantitiesOf(aggregation, windows, [startMs, endMs])
  const within = windows.find(({ window }) => window === 0)
  return {
    quantity: found?.quantity ?? zero,
    settledQuantity: found?.settledQuantity ?? zero,
    events: within ? eventsOf(aggregation, within.all) : zero,
  }
}

const tooManyRows = () =>
  new TollgateError(
    'too_many_counters',
    `The answer would have more than ${ROWS_PER_READ} rows: ask for fewer customers.`,
  )
