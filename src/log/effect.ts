// What a correction changes: how many events it takes, and what becomes of counters. Whoever prices it, or looks at invoices
// again, goes by this. Pure.

import { decimal, text as decimalText } from '../kernel/decimal.ts'
import { HOUR_MS } from '../kernel/time.ts'
import type { Merge } from '../metering/counter.ts'
import { meterOf } from '../metering/history.ts'

export type Amounts = { a: string; b: string }

/** A row of `usage`, by name. */
export type CounterPlace = {
  customerId: string
  meterId: string
  /** start of the hour */
  hourMs: number
  /** canonical JSON array of the group values, in the order of the meter's group_by */
  groups: string
  /** unique_count: the digest of the value; otherwise empty */
  distinctValue: string
  merge: Merge
}

/**
 * What becomes of one counter. What adds (sum, count, avg, weighted_sum) gets the events as they are after the correction less
 * the events as they were; the others are counted anew from the log: null where there is no such counter.
 */
export type CounterChange = CounterPlace &
  (
    | { kind: 'added'; added: Amounts }
    | { kind: 'counted_anew'; before: Amounts | null; after: Amounts | null }
  )

export type Effect = {
  /** events that it takes */
  events: number
  /** in the order of the counters' names, without those that stay as they are */
  changes: CounterChange[]
}

/** Hours of one customer and meter that an act changed: [fromMs, toMs). Of a weighted_sum the level from then on, too. */
export type TouchedSpan = { customerId: string; meterId: string; fromMs: number; toMs: number }

/** What changes of money at one bill; billing knows how. Amounts are of lines, before coupons and taxes, with usage that came late and is not billed yet. */
export type BillEffect = {
  /** null: of a customer without a subscription, its bill of this month */
  invoiceId: string | null
  /** null: it is not issued */
  number: number | null
  startMs: number
  endMs: number
  amountBefore: string
  amountAfter: string
}

export type CustomerEffect = { customerId: string; currency: string; bills: BillEffect[] }

/** In the order of the customers, those whose bills change; `more`: of how many further ones nobody has looked. */
export type MoneyEffect = { customers: CustomerEffect[]; more: number }

export function touchedBy({ changes }: Effect): TouchedSpan[] {
  const spans = new Map<string, TouchedSpan>()
  for (const { customerId, meterId, hourMs } of changes) {
    const key = JSON.stringify([customerId, meterId])
    const known = spans.get(key)
    spans.set(key, {
      customerId,
      meterId,
      fromMs: Math.min(known?.fromMs ?? hourMs, hourMs),
      toMs: Math.max(known?.toMs ?? 0, hourMs + HOUR_MS),
    })
  }
  return [...spans.values()]
}

/** Of one customer and meter, in sum. `added`: of what adds; `counters`: how many change. */
export type MeterEffect = {
  customerId: string
  meterId: string
  fromMs: number
  toMs: number
  added: Amounts | null
  counters: number
}

/** As it is kept, and shown: a meter with its history, as usage has them. */
export function summaryOf({ events, changes }: Effect): MeterEffect[] {
  const effect = { events, changes: changes.map((one) => ({ ...one, meterId: meterOf(one.meterId) })) }
  const added = new Map<string, { sum: Amounts | null; counters: number }>()
  for (const change of effect.changes) {
    const key = JSON.stringify([change.customerId, change.meterId])
    const known = added.get(key) ?? { sum: null, counters: 0 }
    const sum = change.kind === 'added' ? plus(known.sum, change.added) : known.sum
    added.set(key, { sum, counters: known.counters + 1 })
  }
  return touchedBy(effect).map((span) => {
    const { sum, counters } = added.get(JSON.stringify([span.customerId, span.meterId]))!
    return { ...span, added: sum, counters }
  })
}

const plus = (one: Amounts | null, { a, b }: Amounts): Amounts => ({
  a: decimalText(decimal(one?.a ?? '0').plus(a)),
  b: decimalText(decimal(one?.b ?? '0').plus(b)),
})
