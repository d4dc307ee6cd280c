// When the periods of a subscription are, what is priced in each, and what its fees come to: computed by the oracle from
// what was acknowledged of the subscription, and from the plans.

import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import type { Phase, Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import type { PlanPrice, Terms } from '../../../src/billing/terms.ts'
import { anchorDay, around, dayOf, midnight } from './calendar.ts'
import { minorOf, ratio } from './exact.ts'
import type { Match } from './usage.ts'

export type TermsOf = (phase: Pick<Phase, 'plan' | 'version'>) => Terms

export type Agreed = Pick<Subscription, 'startMs' | 'anchor' | 'trialEndMs' | 'cancelAtMs' | 'phases'> & {
  zone: string
  termsOf: TermsOf
  /** whether something was due in advance by the plan that its first invoice was issued by, or will be */
  inAdvance: boolean
}

export type Period = {
  kind: Exclude<Invoice['kind'], 'trailing'>
  startMs: number
  /** of the period; where the subscription is cancelled within it, `cutMs` is when that is */
  endMs: number
  cutMs: number
  fullStartMs: number
  fullDays: number
  /** day that the full period begins on */
  fullDay: number
}

const phaseAt = ({ phases }: Agreed, atMs: number): Phase =>
  phases.filter(({ fromMs }) => fromMs <= atMs).at(-1) ?? phases[0]!

/** From the start on, to the end or for ever. */
export function* periodsOf(agreed: Agreed): Generator<Period> {
  const { startMs, trialEndMs, cancelAtMs, zone, termsOf, inAdvance } = agreed
  if (cancelAtMs !== null && cancelAtMs <= startMs) return
  let cursor = trialEndMs ?? startMs
  if (trialEndMs !== null || inAdvance) {
    const opening = { startMs, endMs: cursor, fullStartMs: startMs, fullDays: 0, fullDay: 0 }
    yield { kind: 'opening', ...opening, cutMs: Math.min(cursor, cancelAtMs ?? cursor) }
  }
  while (cancelAtMs === null || cursor < cancelAtMs) {
    const every = termsOf(phaseAt(agreed, cursor))
    const [from, to] = around(zone, anchorAt(agreed, cursor), every, cursor)
    const endMs = midnight(zone, to)
    yield {
      kind: 'period',
      startMs: cursor,
      endMs,
      cutMs: Math.min(endMs, cancelAtMs ?? endMs),
      fullStartMs: midnight(zone, from),
      fullDays: to - from,
      fullDay: from,
    }
    cursor = endMs
  }
}

/** Periods are counted from the day of the start, or of the trial's end, until there is another interval: from its first day. */
function anchorAt(agreed: Agreed, atMs: number): number {
  const { zone, anchor, startMs, trialEndMs, phases, termsOf } = agreed
  const intervalOf = (phase: Phase) => {
    const { interval, interval_count } = termsOf(phase)
    return `${interval_count} ${interval}`
  }
  const firstMs = trialEndMs ?? startMs
  let day = anchorDay(zone, anchor, termsOf(phases[0]!), firstMs)
  for (const [i, phase] of phases.entries()) {
    if (i === 0 || phase.fromMs > atMs || intervalOf(phase) === intervalOf(phases[i - 1]!)) continue
    day = anchorDay(zone, anchor, termsOf(phase), Math.max(phase.fromMs, firstMs))
  }
  return day
}

type Span = { phase: Phase; fromMs: number; toMs: number }

const spansIn = ({ phases }: Agreed, { startMs, cutMs }: Period): Span[] =>
  phases
    .map((phase, i) => ({
      phase,
      fromMs: Math.max(phase.fromMs, startMs),
      toMs: Math.min(phases[i + 1]?.fromMs ?? cutMs, cutMs),
    }))
    .filter(({ fromMs, toMs }) => fromMs < toMs)

/** Of one charge: its parts in order of precedence, the rest last. */
export type Charge = {
  meter: string
  fromMs: number
  toMs: number
  parts: { match: Match; price: PlanPrice['price'] | null }[]
}

/** The same whatever the order of an object's members. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )

export function chargesIn(agreed: Agreed, period: Period): Charge[] {
  const charges: (Charge & { price: string })[] = []
  for (const { phase, fromMs, toMs } of spansIn(agreed, period)) {
    for (const planned of agreed.termsOf(phase).prices) {
      const price = phase.overrides.find(({ meter }) => meter === planned.meter) ?? planned
      const same = canonical(price)
      const before = charges.find((one) => one.toMs === fromMs && one.price === same)
      if (before) before.toMs = toMs
      else charges.push({ meter: price.meter, fromMs, toMs, parts: partsOf(price), price: same })
    }
  }
  return charges
}

/** All matches of this simulation ask for one property. */
const partsOf = ({ price, groups = [] }: PlanPrice): Charge['parts'] => [
  ...groups.map((group) => ({ match: group.match, price: group.price })),
  { match: null, price: price ?? null },
]

/** What each fee comes to in a period, in minor units, by key: those that are due then, or all. */
export function feesIn(
  agreed: Agreed,
  period: Period,
  currency: string,
  due?: 'advance' | 'arrears',
): Map<string, bigint> {
  const owed = new Map<string, bigint>()
  const { zone } = agreed
  const spans = spansIn(agreed, period)
  const dayAt = (atMs: number) => dayOf(zone, atMs) - period.fullDay
  for (const [i, { phase, fromMs, toMs }] of spans.entries()) {
    const cutsDay = i === spans.length - 1 && toMs > midnight(zone, dayOf(zone, toMs))
    const [from, to] = [dayAt(fromMs), dayAt(toMs) + (cutsDay ? 1 : 0)]
    for (const fee of agreed.termsOf(phase).fees) {
      if (due !== undefined && fee.due !== due) continue
      const whole = minorOf(fee.amount, currency)
      const upTo = (day: number) => ratio(whole * BigInt(day), BigInt(period.fullDays))
      owed.set(fee.key, (owed.get(fee.key) ?? 0n) + upTo(to) - upTo(from))
    }
  }
  return owed
}
