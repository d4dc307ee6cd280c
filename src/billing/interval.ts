// The calendar of a subscription: where its periods begin and end. Pure: a zone, a date and a count give an instant.
// Every boundary is computed from the anchor date itself, never from the boundary before it, so that nothing drifts:
// 31 January, 28 February, 31 March.

import { Temporal } from 'temporal-polyfill'
import {
  DAY_MS,
  dateOfDay,
  dayBegunAt,
  dayOfDate,
  dayStartMs,
  localDay,
  monthsBetween,
  monthsLater,
} from '../kernel/local-day.ts'
import { zoneOffsetMs } from '../kernel/time.ts'

export const intervalUnits = ['day', 'week', 'month', 'quarter', 'year'] as const
export type IntervalUnit = (typeof intervalUnits)[number]
export type Interval = { unit: IntervalUnit; count: number }

/** No period is longer than three years. */
export const INTERVAL_COUNT_MAX: Readonly<Record<IntervalUnit, number>> = {
  day: 365,
  week: 52,
  month: 36,
  quarter: 12,
  year: 3,
}

/** `calendar`: periods begin with the months, weeks … of the calendar; `anniversary`: on the day that the first one began. */
export const anchors = ['calendar', 'anniversary'] as const
export type Anchor = (typeof anchors)[number]

/** Half-open, [startMs, endMs). */
export type BillingPeriod = {
  index: number
  startMs: number
  endMs: number
  /** Where the period would begin if it were whole: earlier than `startMs` in a first period that is cut short, else the same. */
  fullStartMs: number
  /** Local days of the whole period, [fullStartMs, endMs): what a part of it is a part of. */
  days: number
}

/**
 * The date that boundaries are counted from, such as "2026-01-31": that of the start, or of the calendar unit's first day. Where days
 * begin at another time than midnight (`timeMs`), it is with the date: "2026-01-31T14:00".
 */
export function anchorDate(
  timezone: string,
  anchor: Anchor,
  { unit }: Interval,
  startMs: number,
  timeMs = 0,
): string {
  if (timeMs !== 0) return anchorOf(dayBegunAt(timezone, startMs, timeMs), timeMs)
  const date = localDate(timezone, startMs)
  return (anchor === 'anniversary' ? date : firstDay(unit, date)).toString()
}

/** The anchor at which an instant is a boundary itself. */
export function anchorAt(timezone: string, instantMs: number): string {
  const local = instantMs + zoneOffsetMs(timezone, instantMs)
  const day = Math.floor(local / DAY_MS)
  return anchorOf(day, instantMs === dayStartMs(timezone, day) ? 0 : local - day * DAY_MS)
}

const MINUTE_MS = 60_000
const DATE_CHARS = '2026-01-31'.length

const anchorOf = (day: number, timeMs: number): string =>
  timeMs === 0 ? dateOfDay(day) : `${dateOfDay(day)}T${new Date(timeMs).toISOString().slice(11, 16)}`

/** What the clock on the wall shows when the days of a period begin. */
export function timeOfAnchor(anchor: string): number {
  if (anchor.length === DATE_CHARS) return 0
  const [hours, minutes] = anchor.slice(DATE_CHARS + 1).split(':')
  return (Number(hours) * 60 + Number(minutes)) * MINUTE_MS
}

const dayOfAnchor = (anchor: string): number => dayOfDate(anchor.slice(0, DATE_CHARS))

function firstDay(unit: IntervalUnit, date: Temporal.PlainDate): Temporal.PlainDate {
  switch (unit) {
    case 'day':
      return date
    case 'week':
      return date.subtract({ days: date.dayOfWeek - 1 })
    case 'month':
      return date.with({ day: 1 })
    case 'quarter':
      return date.with({ month: date.month - ((date.month - 1) % 3), day: 1 })
    case 'year':
      return date.with({ month: 1, day: 1 })
  }
}

/**
 * Boundary `k`, which may be negative: the first instant of the day that is k intervals after the anchor date. A day that the
 * month lacks is the month's last; of a day that the zone skipped, as Samoa did with 2011-12-30, it is the next day's.
 */
export const boundaryMs = (timezone: string, anchorDate: string, interval: Interval, k: number): number =>
  dayStartMs(timezone, laterBy(interval, dayOfAnchor(anchorDate), k), timeOfAnchor(anchorDate))

const daysOf = { day: 1, week: 7 } as const
const monthsOf = { month: 1, quarter: 3, year: 12 } as const
const inDays = (unit: IntervalUnit): unit is keyof typeof daysOf => unit in daysOf

const laterBy = ({ unit, count }: Interval, day: number, k: number): number =>
  inDays(unit) ? day + k * count * daysOf[unit] : monthsLater(day, k * count * monthsOf[unit])

/** The k for which boundary k ≤ `atMs` < boundary k + 1. */
export function lastBoundary(timezone: string, anchorDate: string, interval: Interval, atMs: number): number {
  const { unit, count } = interval
  const [anchor, day] = [dayOfAnchor(anchorDate), localDay(timezone, atMs)]
  const passed = inDays(unit) ? (day - anchor) / daysOf[unit] : monthsBetween(anchor, day) / monthsOf[unit]
  // Near the truth only: a month may have begun, and its boundary be still to come.
  let k = Math.floor(passed / count)
  while (boundaryMs(timezone, anchorDate, interval, k) > atMs) k--
  while (boundaryMs(timezone, anchorDate, interval, k + 1) <= atMs) k++
  return k
}

/**
 * Period `index`, from 0, of what starts at `startMs`. The first one begins right there and ends at the first boundary after
 * it; every other one lasts from a boundary to the next. None is empty.
 */
export function periodAt(
  timezone: string,
  anchorDate: string,
  interval: Interval,
  startMs: number,
  index: number,
): BillingPeriod {
  const boundary = (k: number) => boundaryMs(timezone, anchorDate, interval, k)
  const first = lastBoundary(timezone, anchorDate, interval, startMs)
  const daily = interval.unit === 'day' && interval.count === 1
  // A day that the zone skipped is nobody's period. So days are counted as they passed, each told by its noon.
  const k = daily
    ? lastBoundary(timezone, anchorDate, interval, boundary(first) + index * DAY_MS + DAY_MS / 2)
    : first + index
  const fullStartMs = boundary(k)
  const endMs = boundary(k + 1)
  return {
    index,
    startMs: index === 0 ? startMs : fullStartMs,
    endMs,
    fullStartMs,
    days: daysBetween(fullStartMs, endMs),
  }
}

/** Days from the start of one local day to that of another. Clocks change by some hours; a zone that skips a day, by a whole one. */
export const daysBetween = (fromMs: number, toMs: number): number => Math.round((toMs - fromMs) / DAY_MS)

export const localDate = (timezone: string, atMs: number): Temporal.PlainDate =>
  Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone).toPlainDate()
