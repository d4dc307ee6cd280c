// The usage of a period, priced: which spans of which meters an invoice needs, and the lines that they make.

import { type Decimal, decimal, QUANTITY_FRACTION_DIGITS, quotient, text } from '../../kernel/decimal.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { sameJson } from '../../kernel/same-json.ts'
import type { Meter } from '../../metering/meter.ts'
import { type Account, termsOfPhase } from '../account.ts'
import { chargesOf, matchesOf, type PartUsage, partsOf, ratedPart } from '../charge.ts'
import { endWithin, phasesWithin, type Subscription } from '../subscriptions/subscription.ts'
import type { PlanPrice } from '../terms.ts'
import type { Invoice, Match, UsageLine } from './invoice.ts'

/** One meter in [fromMs, toMs), with the groups that are priced apart, in order of precedence. */
export type UsageSpan = { meter: string; fromMs: number; toMs: number; matches: Exclude<Match, null>[] }

/** The usage of a span: a part for each of its matches, and the rest. Throws hours_gone. */
export type UsageOf = (span: UsageSpan) => PartUsage[]

/** The usage of a span that was billed before; null: its hours are gone, and its invoice stays as it is. */
export function usageOrGone(usageOf: UsageOf, span: UsageSpan): PartUsage[] | null {
  try {
    return usageOf(span)
  } catch (error) {
    if (error instanceof TollgateError && error.code === 'hours_gone') return null
    throw error
  }
}

type Period = Pick<Invoice, 'startMs' | 'endMs'>
type Charge = { price: PlanPrice; fromMs: number; toMs: number }

/**
 * What is priced within the period, in the order of the plans' prices. Where a change of plan leaves the price of a meter as
 * it was, the meter is priced as a whole: its tiers and free units don't begin anew.
 */
function chargesIn(account: Account, subscription: Subscription, period: Period): Charge[] {
  const charges: Charge[] = []
  const endMs = endWithin(subscription, period.endMs)
  for (const { phase, fromMs, toMs } of phasesWithin(subscription, period.startMs, endMs)) {
    for (const price of chargesOf(termsOfPhase(account, phase), phase.overrides)) {
      const before = charges.find((one) => one.toMs === fromMs && sameJson(one.price, price))
      if (before) before.toMs = toMs
      else charges.push({ price, fromMs, toMs })
    }
  }
  return charges
}

const spanOf = ({ price, fromMs, toMs }: Charge): UsageSpan => ({
  meter: price.meter,
  fromMs,
  toMs,
  matches: matchesOf(price),
})

/** The spans that `usageLines` will ask for. */
export const spansOfPeriod = (account: Account, subscription: Subscription, period: Period): UsageSpan[] =>
  chargesIn(account, subscription, period).map(spanOf)

export function usageLines(
  account: Account,
  subscription: Subscription,
  invoice: Invoice,
  { usageOf, meters }: { usageOf: UsageOf; meters: ReadonlyMap<string, Meter> },
): UsageLine[] {
  return chargesIn(account, subscription, invoice).flatMap((charge) => {
    const meter = meters.get(charge.price.meter)
    if (meter === undefined)
      throw new Error(`A plan prices the meter ${charge.price.meter}, which there is not`)
    const used = usageOf(spanOf(charge))
    return partsOf(charge.price).flatMap(({ match, price }, i) => {
      const { quantity, events } = used[i]!
      const billable = inPeriod(quantity, meter, charge, invoice)
      return {
        kind: 'usage' as const,
        meter: meter.key,
        name: meter.name,
        aggregation: meter.aggregation,
        match,
        fromMs: charge.fromMs,
        toMs: charge.toMs,
        quantity: text(billable),
        events: text(events),
        price,
        ...ratedPart(price, { quantity: billable, events }, invoice.currency),
      }
    })
  })
}

/**
 * A gauge's mean level is priced for a full period: of a part of one, the part counts. (100 GB for half a month are 50
 * GB-months, so that the halves of a period that a change cuts add up to the whole.)
 */
export function inPeriod(
  quantity: Decimal,
  meter: Pick<Meter, 'aggregation'>,
  span: { fromMs: number; toMs: number },
  { fullStartMs, fullEndMs }: Pick<Invoice, 'fullStartMs' | 'fullEndMs'>,
): Decimal {
  const [ms, fullMs] = [span.toMs - span.fromMs, fullEndMs - fullStartMs]
  if (meter.aggregation !== 'weighted_sum' || ms === fullMs) return quantity
  return quotient(quantity.times(decimal(String(ms))), decimal(String(fullMs)), QUANTITY_FRACTION_DIGITS)
}
