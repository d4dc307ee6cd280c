// What of windows that all customers share is read as hours, and what as days and months; of meters that were revised, piece by piece.

import { TALLY_CUSTOMER } from '../../metering/counter.ts'
import type { RevisedHours, TotalsQuery } from '../../metering/ports.ts'
import type { SpanDays } from '../../metering/span-days.ts'
import { eachMonth, type MonthRange, monthRanges } from './month-ranges.ts'
import { earliest, type HourRange, rangesBetween } from './span-ranges.ts'

/** Window 0 is before the first one. */
export type WindowMonths = MonthRange & { window: number }

/** `before`: of levels alone, what came before the first window. */
type Ranges = {
  before: { hours: HourRange[]; months: MonthRange[] }
  within: { hours: HourRange[]; months: WindowMonths[] }
}

export type WindowRanges = {
  /** of meters that were not revised */
  plain: Ranges
  revised: { meter: string; hours: HourRange[]; months: WindowMonths[] }[]
  /** all that rests on days */
  days: SpanDays[]
  firstHour: string
}

export function windowRanges(query: TotalsQuery): WindowRanges {
  const { days = null, daysBefore = days, revised = [], levelMeters } = query
  const all = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, days, daysBefore }
  const plain = rangesOf(query, all, levelMeters.length > 0)
  const pieces = revised.map((piece) => {
    const { before, within } = rangesOf(query, piece, levelMeters.includes(piece.meter))
    const months = [...before.months.map((range) => ({ ...range, window: 0 })), ...within.months]
    return { meter: piece.meter, hours: [...before.hours, ...within.hours], months }
  })
  const hours = [plain.before, plain.within, ...pieces].flatMap((ranges) => ranges.hours)
  return {
    plain,
    revised: pieces,
    days: [all, ...revised].flatMap((one) => [one.days ?? [], one.daysBefore ?? []].flat()),
    // What tells that all is counted has no days, and is never dropped.
    firstHour: query.customerIds.every((id) => id === TALLY_CUSTOMER) ? 'infinity' : earliest(hours),
  }
}

function rangesOf(
  { boundariesMs }: TotalsQuery,
  {
    fromMs,
    toMs,
    days = null,
    daysBefore = null,
  }: Pick<RevisedHours, 'fromMs' | 'toMs' | 'days' | 'daysBefore'>,
  level: boolean,
): Ranges {
  const [firstMs, lastMs] = [boundariesMs[0]!, boundariesMs.at(-1)!]
  const [startMs, endMs] = [Math.max(firstMs, fromMs), Math.min(lastMs, toMs)]
  const beforeMs = level ? Math.min(firstMs, toMs) : fromMs
  const within = rangesBetween(false, startMs, endMs, days)
  const firstWindow = boundariesMs.findLastIndex((ms) => ms <= startMs) + 1
  return {
    before: rangesBetween(true, fromMs, beforeMs, daysBefore),
    within: { hours: within.hours, months: within.months.length === 0 ? [] : monthsOf(days!, firstWindow) },
  }
}

/** The months of each window, and which days of them are in it. */
function monthsOf({ from, to, between }: SpanDays, firstWindow: number): WindowMonths[] {
  const cuts = between.map(({ date }) => date)
  const ends = [...cuts.map((date) => (date < to.date ? date : to.date)), to.date]
  const starts = [from.date, ...cuts.map((date) => (date > from.date ? date : from.date))]
  return starts.flatMap((start, i) =>
    monthRanges(start, ends[i]!).map((range) => ({ ...range, window: firstWindow + i })),
  )
}

/** Rows of a table of months, for a join by the month. */
export const monthRows = (
  ranges: WindowMonths[],
): { window_number: number; month: string; bits: number | null }[] =>
  ranges.flatMap(({ window, ...range }) =>
    eachMonth([range]).map(({ month, days }) => ({ window_number: window, month, bits: days })),
  )
