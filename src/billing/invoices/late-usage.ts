// Late usage: what events did to periods that are invoiced already. Every line of usage that late events can still reach, and of
// any age every one that was counted anew (recount.ts), is rated again, over its own span and by its own price, and the difference to what was billed for it so far is a line of
// the next invoice. Nothing has to be remembered about which events were late: totals say it all.

import { roundedAmount } from '../../kernel/currency.ts'
import { decimal, sum, text } from '../../kernel/decimal.ts'
import type { Account } from '../account.ts'
import { ratedPart } from '../charge.ts'
import {
  type Adjusted,
  type AdjustmentLine,
  type Invoice,
  LINES_PER_INVOICE,
  LINES_PER_PERIOD,
  type UsageLine,
} from './invoice.ts'
import { correctionsOf, isOpen } from './recount.ts'
import { inPeriod, type UsageOf, type UsageSpan, usageOrGone } from './usage-lines.ts'

/** Invoices of a subscription whose usage may have changed since: not voided, and not seen to be final, or opened again. */
export const reachable = (account: Account, subscriptionId: string): Invoice[] =>
  account.invoices.filter(
    ({ subscriptionId: of, kind, status, usageFinal, reopened }) =>
      of === subscriptionId &&
      kind === 'period' &&
      status !== 'draft' &&
      status !== 'void' &&
      (!usageFinal || reopened !== undefined),
  )

/**
 * Those that the next invoice looks at: the oldest, as many as its lines have room for, and one at least. The others are
 * looked at by a later one, and stay reachable until then, so that nothing is lost.
 */
export function lookedInto(account: Account, subscriptionId: string): Invoice[] {
  let room = LINES_PER_INVOICE - LINES_PER_PERIOD
  return reachable(account, subscriptionId)
    .toSorted((x, y) => x.sequence - y.sequence)
    .filter((invoice, i) => {
      room -= openLines(invoice).length
      return room >= 0 || i === 0
    })
}

/** `number`: of the line in its invoice, from 1. */
export type Numbered = { line: UsageLine; number: number }

/** Those that are looked at again. */
const openLines = (invoice: Invoice): Numbered[] =>
  invoice.lines.flatMap((line, i) =>
    line.kind === 'usage' && isOpen(invoice, line) ? [{ line, number: i + 1 }] : [],
  )

/** The lines of one charge that are looked at again: its parts in order of precedence, the rest last. */
export function billedCharges(invoice: Invoice): Numbered[][] {
  const byCharge = Map.groupBy(openLines(invoice), ({ line }) => `${line.meter} ${line.fromMs}`)
  return [...byCharge.values()]
}

export const spanOf = (charge: Numbered[]): UsageSpan => {
  const { meter, fromMs, toMs } = charge[0]!.line
  return {
    meter,
    fromMs,
    toMs,
    matches: charge.flatMap(({ line }) => (line.match === null ? [] : [line.match])),
  }
}

/** The spans that `adjustments` will ask for. */
export const spansOfLateUsage = (account: Account, subscriptionId: string): UsageSpan[] =>
  lookedInto(account, subscriptionId).flatMap((invoice) => billedCharges(invoice).map(spanOf))

export function adjustments(account: Account, subscriptionId: string, usageOf: UsageOf): AdjustmentLine[] {
  return lookedInto(account, subscriptionId).flatMap((invoice) =>
    billedCharges(invoice).flatMap((charge) => {
      const used = usageOrGone(usageOf, spanOf(charge))
      return used === null
        ? []
        : charge.flatMap((numbered, part) => adjustment(invoice, numbered, used[part]!))
    }),
  )
}

/** What a line comes to by this usage, at the price of its own period. */
export function ratedNow(
  invoice: Invoice,
  line: UsageLine,
  { quantity, events }: ReturnType<UsageOf>[number],
) {
  const ratedQuantity = inPeriod(quantity, line, line, invoice)
  return {
    ratedQuantity,
    rated: ratedPart(line.price, { quantity: ratedQuantity, events }, invoice.currency),
  }
}

/** What is not billed yet of a line: nothing, or a line of the next invoice. */
export function adjustment(
  invoice: Invoice,
  { line, number }: Numbered,
  used: ReturnType<UsageOf>[number],
): AdjustmentLine[] {
  const { events } = used
  const before = invoice.adjustedBy.filter((one) => one.line === number)
  const billedQuantity = sum([line.quantity, ...before.map((one) => one.quantity)].map(decimal))
  const billedEvents = before.at(-1)?.events ?? line.events
  if (inPeriod(used.quantity, line, line, invoice).eq(billedQuantity) && text(events) === billedEvents)
    return []
  const { ratedQuantity, rated } = ratedNow(invoice, line, used)
  const billed = sum([line.amount, ...before.map((one) => one.amount)].map(decimal))
  const corrections = correctionsOf(invoice, line)
  return [
    {
      kind: 'adjustment',
      adjusts: { invoiceId: invoice.id, number: invoice.number!, line: number },
      meter: line.meter,
      name: line.name,
      match: line.match,
      fromMs: line.fromMs,
      toMs: line.toMs,
      quantity: text(ratedQuantity.minus(billedQuantity)),
      ratedQuantity: text(ratedQuantity),
      events: text(events),
      price: line.price,
      rated,
      amount: roundedAmount(decimal(rated.amount).minus(billed), invoice.currency),
      ...(corrections.length > 0 && { corrections }),
    },
  ]
}

/** An invoice that was looked at again, with what `by` bills for it; once nothing can reach it any more, that look was the last. */
export function lookedAt(invoice: Invoice, by: Invoice | null, nowMs: number): Invoice {
  const adjusted = (by?.lines ?? []).flatMap((line): Adjusted[] => {
    if (line.kind !== 'adjustment' || line.adjusts.invoiceId !== invoice.id) return []
    const { quantity, events, amount } = line
    return [{ invoiceId: by!.id, line: line.adjusts.line, quantity, events, amount }]
  })
  const { reopened: _, ...rest } = invoice
  return {
    ...rest,
    adjustedBy: [...invoice.adjustedBy, ...adjusted],
    usageFinal: invoice.lateUntilMs <= nowMs,
  }
}
