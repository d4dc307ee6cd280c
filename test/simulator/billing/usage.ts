// What was used in a span, from nothing but the events that were acknowledged.

import { UNIT } from '../expected.ts'
import { ratio, sum } from './exact.ts'
import { meters } from './plan.ts'

export type SimEvent = {
  id: string
  customer: string
  kind: 'call' | 'gauge'
  atMs: number
  sent: Record<string, unknown>
  /** in units of 10^-12 */
  quantity: bigint
  v: bigint
  change: bigint
  user: string
  model: string | null
}

export type Match = Record<string, string | null> | null
export type Used = { quantity: bigint; events: number }

/**
 * Of each part (the matches in their order, and then the rest) of a meter in [fromMs, toMs). `fullMs`: the length of the
 * full period, of which a gauge's mean is taken for its part.
 */
export function usedIn(
  events: SimEvent[],
  key: string,
  { fromMs, toMs, fullMs }: { fromMs: number; toMs: number; fullMs: number },
  matches: Match[],
): Used[] {
  const meter = meters.find((one) => one.key === key)!
  const fed = events.filter(({ kind }) => kind === meter.resourceType)
  if (meter.aggregation === 'weighted_sum') return [{ quantity: mean(fed, fromMs, toMs, fullMs), events: 0 }]
  const within = fed.filter(({ atMs }) => fromMs <= atMs && atMs < toMs)
  const partOf = ({ model }: SimEvent) => {
    const part = matches.findIndex((match) => match !== null && match.model === model)
    return part === -1 ? matches.length : part
  }
  return [...matches, null].map((_, part) =>
    aggregated(
      meter.aggregation,
      within.filter((event) => partOf(event) === part),
    ),
  )
}

function aggregated(aggregation: string, events: SimEvent[]): Used {
  const count = events.length
  if (count === 0) return { quantity: 0n, events: 0 }
  const values = events.map(({ v }) => v)
  switch (aggregation) {
    case 'sum':
      return { quantity: sum(events.map(({ quantity }) => quantity)), events: count }
    case 'count':
      return { quantity: BigInt(count) * UNIT, events: count }
    case 'avg':
      return { quantity: ratio(sum(values), BigInt(count)), events: count }
    case 'max':
      return { quantity: values.reduce((a, b) => (b > a ? b : a)), events: 0 }
    case 'min':
      return { quantity: values.reduce((a, b) => (b < a ? b : a)), events: 0 }
    case 'latest':
      return { quantity: latest(events).v, events: 0 }
    case 'unique_count':
      return { quantity: BigInt(new Set(events.map(({ user }) => user)).size) * UNIT, events: 0 }
    default:
      throw new Error(`The oracle has no aggregation ${aggregation}`)
  }
}

/** Of several at the same time, the one with the greatest value. */
const latest = (events: SimEvent[]): SimEvent =>
  events.reduce((a, b) => (b.atMs > a.atMs || (b.atMs === a.atMs && b.v > a.v) ? b : a))

/** The level integrated over the span and divided by its length; of a part of a period, its part. */
function mean(events: SimEvent[], fromMs: number, toMs: number, fullMs: number): bigint {
  const integral = sum(
    events
      .filter(({ atMs }) => atMs < toMs)
      .map(({ change, atMs }) => change * BigInt(toMs - Math.max(atMs, fromMs))),
  )
  const ms = toMs - fromMs
  const level = ratio(integral, BigInt(ms))
  return ms === fullMs ? level : ratio(level * BigInt(ms), BigInt(fullMs))
}
