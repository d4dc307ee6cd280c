// A span of one customer's usage of one meter, cut into parts by the properties that the meter groups by.

import { TollgateError } from '../kernel/errors.ts'
import { type Meter, meterNamed, type TenantConfig } from './meter.ts'
import type { UsageSpan } from './ports.ts'
import { groupPosition, piecesOf } from './revision.ts'

/** [startMs, endMs), not empty, both at bucket boundaries. */
export type Span = {
  customerId: string
  /** a meter's key */
  meter: string
  startMs: number
  endMs: number
  /**
   * The values that a part's events have, by property of the meter's group_by (null: they had none). An event is in the first
   * part that it matches; what is in none is the rest. Without parts, that is everything.
   */
  parts: Record<string, string | null>[]
}

/** Throws not_found for a meter that the tenant doesn't have. */
export function usageSpanOf(config: TenantConfig, span: Span): { meter: Meter; wanted: UsageSpan } {
  const meter = meterNamed(config, span.meter)
  const parts = span.parts.map((match) =>
    Object.entries(match).map(([property, value]) => ({ position: positionIn(meter, property), value })),
  )
  const level = meter.aggregation === 'weighted_sum'
  const distinct = meter.aggregation === 'unique_count'
  const wanted = { ...span, meter: meter.id, level, distinct, parts }
  if (meter.revision === null) return { meter, wanted }
  const pieces = piecesOf(config, meter).map((piece) => ({
    meter: piece.meter.id,
    fromMs: piece.fromMs,
    toMs: piece.toMs,
    parts: span.parts.map((match) =>
      Object.entries(match).map(([property, value]) => ({
        position: groupPosition(piece.meter, property),
        value,
      })),
    ),
  }))
  return { meter, wanted: { ...wanted, pieces } }
}

/** Ids of the meters that a span is read from. */
export const metersOf = ({ meter, pieces }: UsageSpan): string[] =>
  pieces === undefined ? [meter] : pieces.map((piece) => piece.meter)

/** Whoever cuts a span has made sure of it, and what prices go by stays in a meter's group_by: nothing that a caller could put right. */
function positionIn(meter: Meter, property: string): number {
  const position = meter.groupBy.indexOf(property)
  if (position >= 0) return position
  throw new TollgateError('internal', 'The usage can’t be divided as its price says.', {
    internal: `A span is cut by ${JSON.stringify(property)}, which the meter ${meter.key} does not group by`,
  })
}
