// What every meter shows for a multiset of events, computed with BigInt in units of 10^-12 from nothing but the events.

import type { SimEvent } from './oracle.ts'
import { DIGITS, isRated, type Kind, PICKY_METER, SKIPPING_METER } from './plan.ts'

export const UNIT = 10n ** 12n

/** `12.5` → 12500000000000n */
export function unitsOf(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text)
  if (!match) throw new Error(`${text} is no quantity`)
  const units = BigInt(match[2]!) * UNIT + BigInt((match[3] ?? '').padEnd(12, '0'))
  return match[1] === '-' ? -units : units
}

/** How often each event is in a total of powers of ten, by its digit; what is left over is no event's. */
export function countsOf(total: bigint): { counts: number[]; rest: bigint } {
  const counts: number[] = []
  let left = total < 0n ? 0n : total
  for (let digit = 0; digit < DIGITS; digit++) {
    counts.push(Number(left % 10n))
    left /= 10n
  }
  return { counts, rest: total < 0n ? total : left }
}

function ratio(a: bigint, b: bigint): bigint {
  const [x, negative] = a < 0n ? [-a, true] : [a, false]
  const rounded = (2n * x + b) / (2n * b)
  return negative ? -rounded : rounded
}

const total = (values: bigint[]): bigint => values.reduce((sum, value) => sum + value, 0n)

/** Whether a meter of the event's resource type counts it. */
export function isCountedBy(meter: string, { user, value }: SimEvent): boolean {
  if (meter === SKIPPING_METER) return isRated(user)
  return meter !== PICKY_METER || value >= UNIT / 2n
}

/** By meter; a meter that shows nothing is absent. `events`: one entry for each time that an event is counted. */
export function expectedOf(
  kind: Kind,
  events: SimEvent[],
  [fromMs, toMs]: [number, number],
): Map<string, bigint> {
  const result = new Map<string, bigint>()
  if (events.length === 0) return result
  const n = BigInt(events.length)
  const values = events.map(({ value }) => value)
  if (kind === 'call') {
    result.set('call_count', n * UNIT)
    // What shows nothing is 0 here.
    const picked = events.filter((event) => isCountedBy(PICKY_METER, event)).map(({ value }) => value)
    result.set(PICKY_METER, picked.length === 0 ? 0n : picked.reduce((a, b) => (b < a ? b : a)))
    result.set(
      'call_max',
      values.reduce((a, b) => (b > a ? b : a)),
    )
    const rated = events.filter((event) => isCountedBy(SKIPPING_METER, event)).map(({ value }) => value)
    result.set(SKIPPING_METER, rated.length === 0 ? 0n : ratio(total(rated), BigInt(rated.length)))
    result.set('call_users', BigInt(new Set(events.map(({ user }) => user)).size) * UNIT)
    result.set('call_by_user', total(events.map(({ quantity }) => quantity)))
    return result
  }
  const last = events.reduce((a, b) => (b.atMs > a.atMs || (b.atMs === a.atMs && b.value > a.value) ? b : a))
  result.set('gauge_last', last.value)
  const integral = total(events.map(({ change, atMs }) => change * BigInt(toMs - atMs)))
  result.set('gauge_level', ratio(integral, BigInt(toMs - fromMs)))
  return result
}
