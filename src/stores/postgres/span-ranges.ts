// What of a span is read as hours, and what as days and months.

import { meterOf } from '../../metering/history.ts'
import type { CounterName, UsageSpan } from '../../metering/ports.ts'
import type { SpanDays } from '../../metering/span-days.ts'
import { hasWholeDays } from './days.ts'
import { instantText } from './instant-text.ts'
import { type MonthRange, monthRanges } from './month-ranges.ts'

export type AskedSpan = { span: UsageSpan; pieces: Piece[] }
type Piece = { meter: string; parts: UsageSpan['parts']; ranges: Ranges; days: SpanDays[] }

/** `without`: counters that are taken for gone. */
export const askedSpans = (spans: UsageSpan[], without: CounterName[] = []): AskedSpan[] =>
  spans.map((span) => ({ span, pieces: piecesOf(span, lacks(span, without)) }))

/** All by the hour. */
export const byTheHour = (span: UsageSpan): AskedSpan => ({ span, pieces: piecesOf(span, true) })

export const daysOf = (asked: AskedSpan[]): SpanDays[] =>
  asked.flatMap(({ pieces }) => pieces.flatMap(({ days }) => days))

/** What leaves hours out takes no days. */
function lacks(span: UsageSpan, without: CounterName[]): boolean {
  const meters = (span.pieces ?? [span]).map(({ meter }) => meter)
  return without.some(
    ({ customerId, meter, bucketMs }) =>
      customerId === span.customerId &&
      meters.includes(meterOf(meter)) &&
      bucketMs < span.endMs &&
      (span.level || bucketMs >= span.startMs),
  )
}

/** `early`: of a level, what came before the span. */
export type HourRange = { early: boolean; from: string; to: string }
/** `all`: as hours, which live counters are; the others: as it is read. */
type Ranges = { all: HourRange[]; hours: HourRange[]; months: (MonthRange & { early: boolean })[] }

const hoursBetween = (early: boolean, fromMs: number, toMs: number): HourRange[] =>
  fromMs < toMs ? [{ early, from: instantText(fromMs), to: instantText(toMs) }] : []

const together = (...parts: Ranges[]): Ranges => ({
  all: parts.flatMap(({ all }) => all),
  hours: parts.flatMap(({ hours }) => hours),
  months: parts.flatMap(({ months }) => months),
})

const NOTHING: Ranges = { all: [], hours: [], months: [] }

/** From an instant, or from the beginning, up to before another. */
export function rangesBetween(early: boolean, fromMs: number, toMs: number, days: SpanDays | null): Ranges {
  const all = hoursBetween(early, fromMs, toMs)
  if (all.length === 0) return NOTHING
  if (!days) return { all, hours: all, months: [] }
  const { first, from, to } = days
  const inMonths = (begin: string | null, end: string) =>
    monthRanges(begin, end).map((range) => ({ early, ...range }))
  if (fromMs === Number.NEGATIVE_INFINITY)
    return { all, hours: hoursBetween(early, first.startMs, toMs), months: inMonths(null, first.date) }
  if (!hasWholeDays(days)) return { all, hours: all, months: [] }
  return {
    all,
    hours: [...hoursBetween(early, fromMs, from.startMs), ...hoursBetween(early, to.startMs, toMs)],
    months: inMonths(from.date, to.date),
  }
}

/** A span of a meter that was revised is several of the question, each with counters of its own, and one of the answer. */
function piecesOf(span: UsageSpan, byHour: boolean): Piece[] {
  const { meter, parts, level, startMs, endMs } = span
  const [beginning, end] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const pieces = span.pieces ?? [
    { meter, parts, fromMs: beginning, toMs: end, days: span.days, daysBefore: span.days },
  ]
  return pieces.map(({ fromMs, toMs, ...piece }) => {
    const [days, daysBefore] = byHour ? [null, null] : [piece.days ?? null, piece.daysBefore ?? null]
    const before = level ? rangesBetween(true, fromMs, Math.min(startMs, toMs), daysBefore) : NOTHING
    const within = rangesBetween(false, Math.max(startMs, fromMs), Math.min(endMs, toMs), days)
    const ranges = together(before, within)
    return {
      meter: piece.meter,
      parts: piece.parts,
      ranges,
      days: [days, daysBefore].filter((one) => one !== null),
    }
  })
}

/** Where the first of them begins. Instants as texts of one form are in their order as texts, too; -infinity before, and infinity after them. */
export const earliest = (hours: HourRange[]): string =>
  hours.reduce((first, { from }) => (from < first ? from : first), 'infinity')

export const firstHour = (asked: AskedSpan[]): string =>
  earliest(asked.flatMap(({ pieces }) => pieces.flatMap(({ ranges }) => ranges.hours)))
