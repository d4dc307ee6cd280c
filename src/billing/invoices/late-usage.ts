// Late usage: what events did to periods that are invoiced already. Every line of usage that late events can still reach is
// rated again, over its own span and by its own price, and the difference to what was billed for it so far is a line of
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
import { inPeriod, type UsageOf, type UsageSpan } from './usage-lines.ts'

/** Invoices of a subscription whose usage may have changed since: not voided, and not seen to be final. */
export const reachable = (account: Account, subscriptionId: string): Invoice[] =>
  account.invoices.filter(
    ({ subscriptionId: of, kind, status, usageFinal }) =>
      of === subscriptionId && kind === 'period' && status !== 'draft' && status !== 'void' && !usageFinal,
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
      room -= invoice.lines.filter(({ kind }) => kind === 'usage').length
      return room >= 0 || i === 0
    })
}

type Numbered = { line: UsageLine; number: number }

/** The lines of one charge: its parts in order of precedence, the rest last. */
function billedCharges({ lines }: Invoice): Numbered[][] {
  const usage = lines.flatMap((line, i) => (line.kind === 'usage' ? [{ line, number: i + 1 }] : []))
  const byCharge = Map.groupBy(usage, ({ line }) => `${line.meter} ${line.fromMs}`)
  return [...byCharge.values()]
}

const spanOf = (charge: Numbered[]): UsageSpan => {
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
      const used = usageOf(spanOf(charge))
      return charge.flatMap((numbered, part) => adjustment(invoice, numbered, used[part]!))
    }),
  )
}

function adjustment(
  invoice: Invoice,
  { line, number }: Numbered,
  { quantity, events }: ReturnType<UsageOf>[number],
): AdjustmentLine[] {
  const before = invoice.adjustedBy.filter((one) => one.line === number)
  const billedQuantity = sum([line.quantity, ...before.map((one) => one.quantity)].map(decimal))
  const billedEvents = before.at(-1)?.events ?? line.events
  const ratedQuantity = inPeriod(quantity, line, line, invoice)
  if (ratedQuantity.eq(billedQuantity) && text(events) === billedEvents) return []
  const rated = ratedPart(line.price, { quantity: ratedQuantity, events }, invoice.currency)
  const billed = sum([line.amount, ...before.map((one) => one.amount)].map(decimal))
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
  return {
    ...invoice,
    adjustedBy: [...invoice.adjustedBy, ...adjusted],
    usageFinal: invoice.lateUntilMs <= nowMs,
  }
}
