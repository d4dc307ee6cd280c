// The oracle's own calendar: local days as numbers, months by Date's UTC fields, and offsets by Intl. Nothing of src, and no
// Temporal. In the zones that it is used for midnight is always there, once.

const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

const formats = new Map<string, Intl.DateTimeFormat>()
const offsets = new Map<string, number>()

function offsetMs(zone: string, atMs: number): number {
  if (zone === 'UTC') return 0
  const hour = Math.floor(atMs / HOUR_MS)
  const key = `${zone} ${hour}`
  const known = offsets.get(key)
  if (known !== undefined) return known
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' })
    formats.set(zone, format)
  }
  const name = format.formatToParts(hour * HOUR_MS).find(({ type }) => type === 'timeZoneName')!.value
  const [, sign, hours, minutes] = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name)!
  const offset = (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
  offsets.set(key, offset)
  return offset
}

/** Days since 1970 that the clock on the wall shows; of days that begin when it shows `timeMs`, the one that it is in. */
export const dayOf = (zone: string, atMs: number, timeMs = 0): number =>
  Math.floor((atMs + offsetMs(zone, atMs) - timeMs) / DAY_MS)

/** The first instant of a local day. */
export function beginOf(zone: string, day: number, timeMs = 0): number {
  const local = day * DAY_MS + timeMs
  const near = local - offsetMs(zone, local)
  return local - offsetMs(zone, near)
}

export function hourStart(zone: string, atMs: number): number {
  const local = atMs + offsetMs(zone, atMs)
  return atMs - (local % HOUR_MS)
}

export type Every = { interval: 'day' | 'week' | 'month' | 'quarter' | 'year'; interval_count: number }

const date = (day: number) => new Date(day * DAY_MS)
const dayNumber = (year: number, month: number, dayOfMonth: number) =>
  Date.UTC(year, month, dayOfMonth) / DAY_MS

function plusMonths(day: number, months: number): number {
  const of = date(day)
  const lastDay = new Date(Date.UTC(of.getUTCFullYear(), of.getUTCMonth() + months + 1, 0)).getUTCDate()
  return dayNumber(of.getUTCFullYear(), of.getUTCMonth() + months, Math.min(of.getUTCDate(), lastDay))
}

/** The day that periods are counted from. */
export function anchorDay(
  zone: string,
  anchor: string,
  { interval }: Every,
  atMs: number,
  timeMs = 0,
): number {
  const day = dayOf(zone, atMs, timeMs)
  const of = date(day)
  if (anchor === 'anniversary' || interval === 'day') return day
  if (interval === 'week') return day - ((of.getUTCDay() + 6) % 7)
  const month = of.getUTCMonth()
  const first = interval === 'month' ? month : interval === 'quarter' ? month - (month % 3) : 0
  return dayNumber(of.getUTCFullYear(), first, 1)
}

/** What periods are counted from: a day, and what the clock shows when days begin. */
export type Counted = { day: number; timeMs: number }

/** "2026-01-31" or "2026-01-31T14:00" */
export function countedFrom(anchor: string): Counted {
  const [date, time = '00:00'] = anchor.split('T')
  const [hours, minutes] = time.split(':').map(Number)
  return { day: Date.parse(date!) / DAY_MS, timeMs: hours! * HOUR_MS + minutes! * 60_000 }
}

const MONTHS = { month: 1, quarter: 3, year: 12 }

const boundary = (anchor: number, { interval, interval_count: count }: Every, k: number): number =>
  interval === 'day'
    ? anchor + k * count
    : interval === 'week'
      ? anchor + 7 * k * count
      : plusMonths(anchor, k * count * MONTHS[interval])

/** The days at which the full period begins and ends that an instant is in. */
export function around(
  zone: string,
  { day: anchor, timeMs }: Counted,
  every: Every,
  atMs: number,
): [from: number, to: number] {
  const day = dayOf(zone, atMs, timeMs)
  const length = boundary(anchor, every, 1) - anchor
  let k = Math.floor((day - anchor) / length)
  while (boundary(anchor, every, k) > day) k--
  while (boundary(anchor, every, k + 1) <= day) k++
  return [boundary(anchor, every, k), boundary(anchor, every, k + 1)]
}
