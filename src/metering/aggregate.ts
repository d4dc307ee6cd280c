// From merged counters to the number that a meter shows for a window.

import { type Decimal, decimal, QUANTITY_FRACTION_DIGITS, quotient, zero } from '../kernel/decimal.ts'
import type { Aggregation } from './meter.ts'
import type { MergedValue, Totals } from './ports.ts'

export type WindowTotals = Pick<Totals, 'window' | 'all' | 'settled'>
export type WindowQuantity = { window: number; quantity: Decimal; settledQuantity: Decimal }

/**
 * The quantities of one customer, meter and group, from all their rows: one for each window that has counters. For a
 * weighted_sum also for windows without any, as long as the level isn't zero. Quotients (avg, weighted_sum) round half away
 * from zero to 12 decimals, as many as a quantity has.
 */
export function quantitiesOf(
  aggregation: Aggregation,
  rows: WindowTotals[],
  boundariesMs: number[],
): WindowQuantity[] {
  if (aggregation !== 'weighted_sum') {
    return rows
      .filter((row) => row.window >= 0)
      .map((row) => ({
        window: row.window,
        quantity: plainQuantity(aggregation, row.all),
        settledQuantity: row.settled ? plainQuantity(aggregation, row.settled) : zero,
      }))
  }
  const all = levels(rows, boundariesMs, (row) => row.all)
  const settled = levels(rows, boundariesMs, (row) => row.settled)
  return all.flatMap((level, window) =>
    level.seen ? [{ window, quantity: level.mean, settledQuantity: settled[window]!.mean }] : [],
  )
}

/** Of counters by themselves, without what came before them: for a weighted_sum what they changed, not the level. */
export const plainQuantity = (aggregation: Aggregation, { a, b }: MergedValue): Decimal =>
  aggregation === 'avg' ? quotient(decimal(a), decimal(b), QUANTITY_FRACTION_DIGITS) : decimal(a)

const eventsIn: Partial<Record<Aggregation, keyof MergedValue>> = { sum: 'b', count: 'a', avg: 'b' }

/** Whether its counters know how many events they are of. */
export const knowsEvents = (aggregation: Aggregation): boolean => eventsIn[aggregation] !== undefined

/** How many events made these counters; zero for an aggregation whose counters don't tell. */
export function eventsOf(aggregation: Aggregation, value: MergedValue): Decimal {
  const kept = eventsIn[aggregation]
  return kept === undefined ? zero : decimal(value[kept])
}

/**
 * The mean level of each window: its integral divided by the window's length. A change δ at t raises the level from t to the
 * window's end e, so the integral over [s, e) is level(s)·(e − s) + Σδ·e − Σδ·t, and Σδ·t is exact from the counters.
 */
function levels(
  rows: WindowTotals[],
  boundariesMs: number[],
  of: (row: WindowTotals) => MergedValue | null,
): { mean: Decimal; seen: boolean }[] {
  const byWindow = new Map(rows.map((row) => [row.window, of(row)]))
  const before = byWindow.get(-1)
  let level = before ? decimal(before.a) : zero
  const result: { mean: Decimal; seen: boolean }[] = []
  for (let window = 0; window < boundariesMs.length - 1; window++) {
    const start = decimal(String(boundariesMs[window]))
    const end = decimal(String(boundariesMs[window + 1]))
    const changes = byWindow.get(window)
    let integral = level.times(end.minus(start))
    const seen = !level.eq('0') || changes != null
    if (changes) {
      const sum = decimal(changes.a)
      const weighted = decimal(changes.aTimesBucketMs).plus(changes.b)
      integral = integral.plus(sum.times(end)).minus(weighted)
      level = level.plus(sum)
    }
    result.push({ mean: quotient(integral, end.minus(start), QUANTITY_FRACTION_DIGITS), seen })
  }
  return result
}
