// What every aggregation shows, from nothing but the events, computed with BigInt in units of 10^-12.

import { decimal, text } from '../../src/kernel/decimal.ts'
import type { Aggregation } from '../../src/metering/meter.ts'

export type Drawn = { units: bigint; atMs: number; user: number }
export const SCALE = 10n ** 12n

export const quantity = (units: bigint): string => text(decimal(`${units}e-12`))

/** a / b in units, rounded half away from zero */
function ratio(a: bigint, b: bigint): bigint {
  const negative = a < 0n !== b < 0n
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b]
  const rounded = (2n * x + y) / (2n * y)
  return negative ? -rounded : rounded
}

/** What a meter shows for the events of a window, after those before it; null: nothing. */
export const oracles: Record<
  Aggregation,
  (events: Drawn[], before: Drawn[], window: [number, number]) => bigint | null
> = {
  sum: (events) => (events.length ? events.reduce((sum, { units }) => sum + units, 0n) : null),
  count: (events) => (events.length ? BigInt(events.length) * SCALE : null),
  min: (events) =>
    events.reduce<bigint | null>((min, { units }) => (min === null || units < min ? units : min), null),
  max: (events) =>
    events.reduce<bigint | null>((max, { units }) => (max === null || units > max ? units : max), null),
  latest: (events) => {
    const last = [...events].sort((x, y) => x.atMs - y.atMs || (x.units < y.units ? -1 : 1)).at(-1)
    return last ? last.units : null
  },
  unique_count: (events) =>
    events.length ? BigInt(new Set(events.map(({ user }) => user)).size) * SCALE : null,
  avg: (events) =>
    events.length
      ? ratio(
          events.reduce((sum, { units }) => sum + units, 0n),
          BigInt(events.length),
        )
      : null,
  weighted_sum: (events, before, [from, to]) => {
    const level = before.reduce((sum, { units }) => sum + units, 0n)
    if (events.length === 0 && level === 0n) return null
    const integral = events.reduce(
      (sum, { units, atMs }) => sum + units * BigInt(to - atMs),
      level * BigInt(to - from),
    )
    return ratio(integral, BigInt(to - from))
  },
}
