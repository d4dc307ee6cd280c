// When the periods of a subscription are, what is priced in each, and what its fees come to: computed by the oracle from
// what was acknowledged of the subscription, and from the plans.

import type { Phase, Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import type { PlanPrice, Terms } from '../../../src/billing/terms.ts'
import { Violation } from '../violation.ts'
import { anchorDay, around, beginOf, type Counted, countedFrom, dayOf } from './calendar.ts'
import { minorOf, ratio } from './exact.ts'
import { laws } from './laws.ts'
import type { Match } from './usage.ts'

export type TermsOf = (phase: Pick<Phase, 'plan' | 'version'>) => Terms

export type Agreed = Pick<
  Subscription,
  'startMs' | 'anchor' | 'billingAnchor' | 'trialEndMs' | 'billFromMs' | 'cancelAtMs' | 'phases'
> & {
  zone: string
  termsOf: TermsOf
  /** whether something was due in advance by the plan that its first invoice was issued by, or will be */
  inAdvance: boolean
}

export type Period = {
  kind: 'opening' | 'period'
  startMs: number
  /** of the period; where the subscription is cancelled within it, `cutMs` is when that is */
  endMs: number
  cutMs: number
  fullStartMs: number
  /** later than `endMs` where a change begins another period */
  fullEndMs: number
  fullDays: number
  /** day that the full period begins on */
  fullDay: number
}

/** Where the first period is that is billed. */
export const firstMsOf = ({
  startMs,
  trialEndMs,
  billFromMs = startMs,
}: Pick<Agreed, 'startMs' | 'trialEndMs' | 'billFromMs'>): number =>
  Math.max(trialEndMs ?? startMs, billFromMs)

export const phaseAt = ({ phases }: Pick<Agreed, 'phases'>, atMs: number): Phase =>
  phases.filter(({ fromMs }) => fromMs <= atMs).at(-1) ?? phases[0]!

/** From the start on, to the end or for ever. */
export function* periodsOf(agreed: Agreed): Generator<Period> {
  const { cancelAtMs, phases, zone, termsOf, inAdvance } = agreed
  if (neverBilled(agreed)) return
  let cursor = firstMsOf(agreed)
  const tried = cursor === agreed.trialEndMs
  if (tried || inAdvance) {
    const startMs = tried ? agreed.startMs : cursor
    const opening = {
      ...{ startMs, endMs: cursor },
      ...{ fullStartMs: startMs, fullEndMs: cursor, fullDays: 0, fullDay: 0 },
    }
    yield { kind: 'opening', ...opening, cutMs: Math.min(cursor, cancelAtMs ?? cursor) }
  }
  while (cancelAtMs === null || cursor < cancelAtMs) {
    const every = termsOf(phaseAt(agreed, cursor))
    const counted = anchorAt(agreed, cursor)
    const [from, to] = around(zone, counted, every, cursor)
    const fullEndMs = beginOf(zone, to, counted.timeMs)
    const begun = phases.find(
      ({ beginsPeriod, fromMs }) => beginsPeriod && cursor < fromMs && fromMs < fullEndMs,
    )
    const endMs = begun?.fromMs ?? fullEndMs
    yield {
      kind: 'period',
      startMs: cursor,
      endMs,
      cutMs: Math.min(endMs, cancelAtMs ?? endMs),
      fullStartMs: beginOf(zone, from, counted.timeMs),
      fullEndMs,
      fullDays: to - from,
      fullDay: from,
    }
    cursor = endMs
  }
}

/** One that ends before anything of it is billed. */
export const neverBilled = ({ startMs, billFromMs, cancelAtMs }: Agreed): boolean =>
  cancelAtMs !== null && cancelAtMs <= (billFromMs ?? startMs)

/**
 * Periods are counted from what was asked for, or from the day of the start, or of the trial's end, until there is another interval: from
 * its first day. Where it is taken back in the hour that it was made in, both are right.
 */
function anchorAt({ zone, anchor, termsOf, ...agreed }: Agreed, atMs: number): Counted {
  const { startMs, trialEndMs, billingAnchor, phases } = agreed
  const firstMs = firstMsOf(agreed)
  const asked = billingAnchor === undefined ? null : countedFrom(billingAnchor)
  const timeMs = asked?.timeMs ?? 0
  const fresh = (phase: Phase, fromMs: number): Counted => ({
    day: anchorDay(zone, anchor, termsOf(phase), fromMs, timeMs),
    timeMs,
  })
  const everyOf = (phase: Phase) => canonical([termsOf(phase).interval, termsOf(phase).interval_count])
  let counted = asked ?? fresh(phases[0]!, trialEndMs ?? startMs)
  for (const [i, phase] of phases.entries()) {
    if (i > 0 && phase.fromMs > atMs) break
    const now = fresh(phase, Math.max(phase.fromMs, firstMs))
    const same = i > 0 && everyOf(phase) === everyOf(phases[i - 1]!)
    const first = phase.fromMs <= firstMs
    const right =
      i === 0
        ? [counted, now]
        : same
          ? phase.beginsPeriod
            ? [counted, now]
            : [counted]
          : first && asked
            ? [now, asked]
            : [now]
    const told = countedFrom(phase.anchorDate)
    if (!right.some((one) => canonical(one) === canonical(told)))
      throw new Violation(
        laws.periods,
        `the phase from ${new Date(phase.fromMs).toISOString()} on is counted from ${phase.anchorDate}, not from ${canonical(right)}`,
      )
    counted = told
  }
  return counted
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
  const { timeMs } = countedFrom(agreed.phases[0]!.anchorDate)
  const dayAt = (atMs: number) => dayOf(zone, atMs, timeMs) - period.fullDay
  // The day on which another period begins is that one's.
  const begunOn = period.cutMs === period.endMs && period.endMs < period.fullEndMs
  for (const [i, { phase, fromMs, toMs }] of spans.entries()) {
    const dayMs = beginOf(zone, dayOf(zone, toMs, timeMs), timeMs)
    const cutsDay = i === spans.length - 1 && !begunOn && toMs > dayMs
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
