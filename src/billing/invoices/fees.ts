// Recurring fees of a period: what is due at its end, what was billed in advance and turned out otherwise, and what is due in
// advance for the next. All by days of the full period, and telescoping: whatever cuts a period, its parts add up to the fee.

import { roundedAmount } from '../../kernel/currency.ts'
import { decimal, zero } from '../../kernel/decimal.ts'
import type { Account } from '../account.ts'
import { termsOfPhase } from '../account.ts'
import { timeOfAnchor } from '../interval.ts'
import { type DaySpan, daySpans, proratedAmount } from '../proration.ts'
import { endWithin, type PhaseSpan, phasesWithin, type Subscription } from '../subscriptions/subscription.ts'
import type { Fee } from '../terms.ts'
import type { AdvanceLine, FeeLine, Invoice, ProrationLine } from './invoice.ts'

/** The period that a fee is for: an invoice's, or the one that is about to begin. */
export type FeePeriod = Pick<
  Invoice,
  'startMs' | 'endMs' | 'fullStartMs' | 'fullEndMs' | 'fullDays' | 'currency'
>

type Facts = { account: Account; subscription: Subscription; timezone: string }

/** Fees of this kind, a line for each stretch of days on which the fee is the same. */
export function feesOf(facts: Facts, period: FeePeriod, due: Fee['due']): FeeLine[] {
  const { account, subscription, timezone } = facts
  const endMs = endWithin(subscription, period.endMs)
  const spans = phasesWithin(subscription, period.startMs, endMs)
  const timeMs = timeOfAnchor(subscription.phases[0]!.anchorDate)
  const days = daySpans(timezone, period, spans, {
    timeMs,
    // The day on which the next period begins, as this one was cut short for it, is of that one.
    lastDay: endMs === period.endMs && endMs < period.fullEndMs ? 'floor' : 'ceil',
  })
  const lines: FeeLine[] = []
  for (const [i, span] of spans.entries()) {
    // A phase that got no day, because a change cut it off on the day that it began, costs nothing and divides nothing.
    if (days[i]!.fromDay === days[i]!.toDay) continue
    const { fees } = termsOfPhase(account, span.phase)
    for (const fee of fees) if (fee.due === due) addFee(lines, feeLine(fee, span, days[i]!, period))
  }
  const begun = due === 'advance' && timeMs !== 0 ? { fullStartMs: period.fullStartMs } : {}
  return lines.map((line) => withAmount({ ...line, ...begun }, period.currency))
}

function feeLine(fee: Fee, { phase, fromMs, toMs }: PhaseSpan, days: DaySpan, period: FeePeriod): FeeLine {
  return {
    kind: 'fee',
    fee: fee.key,
    name: fee.name,
    plan: phase.plan,
    due: fee.due,
    feeAmount: fee.amount,
    fromMs,
    toMs,
    ...days,
    ofDays: period.fullDays,
    amount: '0',
  }
}

/** A fee that goes on as it was before is one line with it. */
function addFee(lines: FeeLine[], line: FeeLine): void {
  const before = lines.findIndex(
    (one) => one.fee === line.fee && one.feeAmount === line.feeAmount && one.toDay === line.fromDay,
  )
  if (before === -1) lines.push(line)
  else lines[before] = { ...lines[before]!, toMs: line.toMs, toDay: line.toDay }
}

/** What [fromDay, toDay) of the fee comes to. */
const withAmount = <Line extends FeeLine | ProrationLine>(line: Line, currency: string): Line => ({
  ...line,
  amount: roundedAmount(
    proratedAmount(decimal(line.feeAmount), line.fromDay, line.toDay, line.ofDays, currency),
    currency,
  ),
})

/** Fees in arrears, and corrections of what the invoice before has billed in advance. */
export const feesAtEnd = (facts: Facts, invoice: Invoice): (FeeLine | ProrationLine)[] => [
  ...feesOf(facts, invoice, 'arrears'),
  ...corrections(invoice.advance, feesOf(facts, invoice, 'advance'), invoice.currency),
]

/** Days that were billed and are not due are taken back, days that are due and were not billed are added. */
export const corrections = (billed: AdvanceLine[], due: FeeLine[], currency: string): ProrationLine[] => [
  ...billed.flatMap((line) => uncovered([line], due).map((part) => takenBack(part, line, currency))),
  ...uncovered(due, billed).map((line) => withAmount(correction(line), currency)),
]

/** Some days of what was billed: their amount, less what coupons had taken off of it, which nobody has paid. */
function takenBack(part: FeeLine, billed: AdvanceLine, currency: string): ProrationLine {
  const line = withAmount(correction(part), currency)
  const discount = discountOfPart(part, billed, currency)
  const paid = decimal(line.amount).minus(discount)
  const amount = roundedAmount(zero.minus(paid), currency)
  return { ...line, amount, ...(discount.gt('0') && { discount: roundedAmount(discount, currency) }) }
}

/**
 * What is billed in advance once corrections of it are: what is left of it, with its share of what coupons had taken off, and what was
 * added, with `discountOf` that.
 */
export const afterCorrections = (
  billed: AdvanceLine[],
  due: FeeLine[],
  currency: string,
  discountOf: (amount: string) => string,
): AdvanceLine[] => [
  ...billed.flatMap((line) =>
    uncovered([line], uncovered([line], due)).map((part) => {
      const { discount: _, ...left } = withAmount<AdvanceLine>({ ...line, ...part }, currency)
      return discounted(left, roundedAmount(discountOfPart(part, line, currency), currency))
    }),
  ),
  ...uncovered(due, billed).map((part) => {
    const line = withAmount(part, currency)
    return discounted(line, discountOf(line.amount))
  }),
]

/** A fee with what coupons have taken off of it. */
export const discounted = (line: FeeLine, discount: string): AdvanceLine =>
  decimal(discount).eq('0') ? line : { ...line, discount }

/** What coupons had taken off some days of what was billed. */
const discountOfPart = (part: FeeLine, billed: AdvanceLine, currency: string) =>
  proratedAmount(
    decimal(billed.discount ?? '0'),
    part.fromDay - billed.fromDay,
    part.toDay - billed.fromDay,
    billed.toDay - billed.fromDay,
    currency,
  )

/** The stretches of `lines` on which no line of `by` has the same fee at the same amount. */
function uncovered(lines: FeeLine[], by: FeeLine[]): FeeLine[] {
  return lines.flatMap((line) => {
    const covers = by.filter((one) => one.fee === line.fee && one.feeAmount === line.feeAmount)
    return covers.reduce((left, cover) => left.flatMap((one) => without(one, cover)), [line])
  })
}

const without = (line: FeeLine, cover: FeeLine): FeeLine[] => {
  if (cover.toDay <= line.fromDay || line.toDay <= cover.fromDay) return [line]
  const before = { ...line, toDay: cover.fromDay, toMs: cover.fromMs }
  const after = { ...line, fromDay: cover.toDay, fromMs: cover.toMs }
  return [before, after].filter(({ fromDay, toDay }) => fromDay < toDay)
}

function correction({ due: _, discount: __, fullStartMs: ___, ...line }: AdvanceLine): ProrationLine {
  return { ...line, kind: 'proration' }
}
