// Local days as numbers: how many days a date is after 1970-01-01, whatever the zone. Dates are whole numbers to count with;
// only where a day begins in a zone is asked of Temporal, and kept, as closing asks the same days of every customer.

import { Temporal } from 'temporal-polyfill'
import { zoneOffsetMs } from './time.ts'

export const DAY_MS = 86_400_000

/** "2026-01-31" */
export const dayOfDate = (date: string): number => Date.parse(date) / DAY_MS

/** So many months later (earlier, if negative); a day that the month lacks is the month's last. */
export function monthsLater(day: number, months: number): number {
  const date = new Date(day * DAY_MS)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + months]
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  return Date.UTC(year, month, Math.min(date.getUTCDate(), last)) / DAY_MS
}

/** Months of the calendar from one day's month to another's. */
export function monthsBetween(fromDay: number, toDay: number): number {
  const [from, to] = [new Date(fromDay * DAY_MS), new Date(toDay * DAY_MS)]
  return (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
}

/** The day that clocks in the zone show at an instant. */
export const localDay = (timezone: string, instantMs: number): number =>
  Math.floor((instantMs + zoneOffsetMs(timezone, instantMs)) / DAY_MS)

const STARTS_KEPT = 20_000
const starts = new Map<string, number>()

/**
 * The first instant of a day; of a day that the zone skipped, as Samoa did with 2011-12-30, it is the next day's. With `timeMs`, of
 * a day that begins when the clock on the wall shows so much; where it skips that, as much later as it skips.
 */
export function dayStartMs(timezone: string, day: number, timeMs = 0): number {
  if (timezone === 'UTC') return day * DAY_MS + timeMs
  const key = `${timezone} ${day} ${timeMs}`
  let startMs = starts.get(key)
  if (startMs === undefined) {
    const { year, month, date } = partsOf(day)
    const plain = new Temporal.PlainDate(year, month, date)
    const plainTime = new Temporal.PlainTime().add({ milliseconds: timeMs })
    // Without a time it is the first instant of the day, which is later than midnight where clocks skip that.
    const zoned =
      timeMs === 0
        ? plain.toZonedDateTime(timezone)
        : plain.toZonedDateTime({ timeZone: timezone, plainTime })
    startMs = zoned.epochMilliseconds
    if (starts.size >= STARTS_KEPT) starts.clear()
    starts.set(key, startMs)
  }
  return startMs
}

function partsOf(day: number): { year: number; month: number; date: number } {
  const utc = new Date(day * DAY_MS)
  return { year: utc.getUTCFullYear(), month: utc.getUTCMonth() + 1, date: utc.getUTCDate() }
}

/** The start of the day that has begun last at an instant. Clocks may go back over midnight: a day that has begun stays begun. */
export const startOfDayMs = (timezone: string, instantMs: number, timeMs = 0): number =>
  dayStartMs(timezone, dayBegunAt(timezone, instantMs, timeMs), timeMs)

/** The day that has begun last at an instant. */
export function dayBegunAt(timezone: string, instantMs: number, timeMs = 0): number {
  let day = localDay(timezone, instantMs)
  while (dayStartMs(timezone, day, timeMs) > instantMs) day--
  while (dayStartMs(timezone, day + 1, timeMs) <= instantMs) day++
  return day
}

/** "2026-01-31" */
export const dateOfDay = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)
