// Time zones and calendar. Instants are milliseconds since 1970 (UTC); calendars are Temporal's (the polyfill, until the
// runtimes have it). Periods and windows are half-open: [start, end).

import { Temporal } from 'temporal-polyfill'

export const HOUR_MS = 3_600_000

const QUARTER_MS = 900_000
const OFFSETS_KEPT = 20_000
const offsets = new Map<string, number>()

/** The zone's offset from UTC at that instant. Kept by the quarter of an hour: no zone changes its offset within one. */
export function zoneOffsetMs(timezone: string, instantMs: number): number {
  if (timezone === 'UTC') return 0
  const key = `${timezone} ${Math.floor(instantMs / QUARTER_MS)}`
  let offset = offsets.get(key)
  if (offset === undefined) {
    offset =
      Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(timezone).offsetNanoseconds / 1e6
    if (offsets.size >= OFFSETS_KEPT) offsets.clear()
    offsets.set(key, offset)
  }
  return offset
}

/** The start of the bucket that an instant is in: the hour by the zone's own minutes, so that no local day cuts it. */
export function bucketStartMs(timezone: string, instantMs: number): number {
  const local = instantMs + zoneOffsetMs(timezone, instantMs)
  return instantMs - (((local % HOUR_MS) + HOUR_MS) % HOUR_MS)
}

export type Window = 'hour' | 'day' | 'month'

/** The start of the hour, day or month that an instant is in, by the zone's calendar. */
export function windowStartMs(timezone: string, window: Window, instantMs: number): number {
  if (window === 'hour') return bucketStartMs(timezone, instantMs)
  const local = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(timezone)
  const day = window === 'month' ? local.with({ day: 1 }) : local
  return day.startOfDay().epochMilliseconds
}

/** The start of the next hour, day or month. */
export function nextWindowStartMs(timezone: string, window: Window, startMs: number): number {
  if (window === 'hour') {
    // Where clocks change by half an hour, the next bucket begins sooner.
    const next = bucketStartMs(timezone, startMs + HOUR_MS)
    return next > startMs ? next : startMs + HOUR_MS
  }
  const local = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(timezone)
  return local.add(window === 'month' ? { months: 1 } : { days: 1 }).startOfDay().epochMilliseconds
}

/** `2026-11` in the zone, as instants; null if it is no month, or none that anybody bills. */
export function monthMs(timezone: string, month: string): { startMs: number; endMs: number } | null {
  if (!/^(19|2[01])\d\d-(0[1-9]|1[0-2])$/.test(month)) return null
  const startMs = Temporal.PlainDate.from(`${month}-01`).toZonedDateTime(timezone).epochMilliseconds
  return { startMs, endMs: nextWindowStartMs(timezone, 'month', startMs) }
}

export const rfc3339 = (instantMs: number): string => new Date(instantMs).toISOString()

/** µs since 1970: three decimals where they say it all, else six. */
export function rfc3339Micros(instantMicros: bigint): string {
  const beyondMs = ((instantMicros % 1000n) + 1000n) % 1000n
  const text = rfc3339(Number((instantMicros - beyondMs) / 1000n))
  return beyondMs === 0n ? text : text.replace('Z', `${String(beyondMs).padStart(3, '0')}Z`)
}
