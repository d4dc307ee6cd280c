// What an invoice has to say, computed by the oracle.

import type { OpenGrant } from '../../../src/billing/credit/credit.ts'
import type { Invoice, InvoiceLine, UsageLine } from '../../../src/billing/invoices/invoice.ts'
import type { Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import { unitsOf } from '../expected.ts'
import { isBilled } from './books.ts'
import { type AnyPrice, minorOf, percentOf, rated, sum } from './exact.ts'
import { coupons, customerIds, taxes } from './plan.ts'
import { type Agreed, canonical, chargesIn, type Period } from './timeline.ts'
import { type SimEvent, type Used, usedIn } from './usage.ts'

/** A line of usage or an adjustment: what it is for, and how much. */
export type Expected = { what: string; quantity: bigint; amount: bigint }

/** Equal for the same meter and part in the same span at the same price. */
const usageName = (line: Pick<UsageLine, 'meter' | 'match' | 'fromMs' | 'toMs' | 'price'>): string =>
  `usage ${line.meter} ${canonical([line.match, line.fromMs, line.toMs, line.price])}`

const adjustmentName = (invoiceId: string, line: number): string => `adjustment of ${invoiceId} line ${line}`

/** Lines of usage of a period. */
export function usageExpected(
  agreed: Agreed,
  period: Period,
  events: SimEvent[],
  currency: string,
): Expected[] {
  const fullMs = period.fullEndMs - period.fullStartMs
  return chargesIn(agreed, period).flatMap(({ meter, fromMs, toMs, parts }) => {
    const matches = parts.slice(0, -1).map(({ match }) => match)
    const used = usedIn(events, meter, { fromMs, toMs, fullMs }, matches)
    return parts.map(({ match, price }, part): Expected => {
      const { quantity, events: count } = used[part]!
      return {
        what: usageName({ meter, match, fromMs, toMs, price: price ?? null }),
        quantity,
        amount: rated(price as AnyPrice | null, quantity, count, currency),
      }
    })
  })
}

/** What a line of usage comes to now, from its own span, part and price. */
export function lineNow(invoice: Invoice, number: number, events: SimEvent[]): Used & { amount: bigint } {
  const line = invoice.lines[number - 1] as UsageLine
  const beside = invoice.lines.filter(
    (one): one is UsageLine => one.kind === 'usage' && one.meter === line.meter && one.fromMs === line.fromMs,
  )
  const matches = beside.slice(0, -1).map(({ match }) => match)
  const fullMs = invoice.fullEndMs - invoice.fullStartMs
  const used = usedIn(events, line.meter, { ...line, fullMs }, matches)[beside.indexOf(line)]!
  return {
    ...used,
    amount: rated(line.price as AnyPrice | null, used.quantity, used.events, invoice.currency),
  }
}

/** What was billed so far for a line of usage: by itself, by adjustments of it on these invoices, and less what credit notes gave back at once. */
export function billedFor(
  invoice: Invoice,
  number: number,
  later: Invoice[],
): { quantity: bigint; amount: bigint } {
  const line = invoice.lines[number - 1] as UsageLine
  const adjustments = later
    .filter(({ status }) => status !== 'void')
    .flatMap(({ lines }) => lines)
    .filter(
      (one) =>
        one.kind === 'adjustment' && one.adjusts.invoiceId === invoice.id && one.adjusts.line === number,
    )
  const notes = invoice.adjustedBy.filter((one) => one.invoiceId === null && one.line === number)
  const all = [line, ...adjustments, ...notes] as Pick<UsageLine, 'quantity' | 'amount'>[]
  return {
    quantity: sum(all.map(({ quantity }) => unitsOf(quantity))),
    amount: sum(all.map(({ amount }) => minorOf(amount, invoice.currency))),
  }
}

/** Numbers of the lines of usage, from 1. */
export const usageNumbers = ({ lines }: Invoice): number[] =>
  lines.flatMap(({ kind }, i) => (kind === 'usage' ? [i + 1] : []))

/** What late events make of earlier invoices of the subscription. */
export const adjustmentsExpected = (earlier: Invoice[], events: SimEvent[]): Expected[] =>
  earlier.filter(isBilled).flatMap((invoice) =>
    usageNumbers(invoice).flatMap((number): Expected[] => {
      const now = lineNow(invoice, number, events)
      const billed = billedFor(invoice, number, earlier)
      const quantity = now.quantity - billed.quantity
      const amount = now.amount - billed.amount
      const what = adjustmentName(invoice.id, number)
      return quantity === 0n && amount === 0n ? [] : [{ what, quantity, amount }]
    }),
  )

/** Lines of usage and adjustments as an invoice has them. Adjustments of nothing tell of events alone. */
export function usageShown({ lines, currency }: Invoice): Expected[] {
  const shown = (line: InvoiceLine): Expected[] => {
    if (line.kind === 'fee' || line.kind === 'proration') return []
    const [quantity, amount] = [unitsOf(line.quantity), minorOf(line.amount, currency)]
    if (line.kind === 'usage') return [{ what: usageName(line), quantity, amount }]
    const { invoiceId, line: number } = line.adjusts
    return quantity === 0n && amount === 0n
      ? []
      : [{ what: adjustmentName(invoiceId, number), quantity, amount }]
  }
  return lines.flatMap(shown)
}

type Reductions = {
  discounts: [coupon: string, amount: bigint][]
  taxes: [name: string, amount: bigint][]
  credits: [grant: string, amount: bigint][]
}

/** What comes off the lines of an invoice, and on top of them. `earlier`: issued ones of the subscription. */
export function reductionsExpected(
  {
    attached,
    earlier,
    grants,
    nowMs,
  }: {
    attached: Subscription['coupons']
    earlier: Invoice[]
    grants: OpenGrant[]
    nowMs: number
  },
  { lines, currency, customerId }: Invoice,
  taxesOf: number[],
): Reductions {
  // What is taken back is what was paid, as earlier coupons left it.
  const takenBack = lines.filter(({ kind, amount }) => kind === 'proration' && amount.startsWith('-'))
  const amounts = (some: InvoiceLine[]) => sum(some.map(({ amount }) => minorOf(amount, currency)))
  let left = amounts(lines) - amounts(takenBack)
  const discounts: Reductions['discounts'] = []
  for (const { coupon: key } of attached) {
    const coupon = coupons.find((one) => one.key === key)!
    const used = earlier
      .filter(isBilled)
      .filter(({ totals }) => totals!.discounts.some((one) => one.coupon === key)).length
    if (left <= 0n || (coupon.periods !== null && used >= coupon.periods)) continue
    const off = coupon.currency === currency ? minorOf(coupon.amountOff!, currency) : 0n
    const amount = coupon.percentOff !== null ? percentOf(coupon.percentOff, left) : off < left ? off : left
    if (amount === 0n) continue
    discounts.push([key, amount])
    left -= amount
  }
  left += amounts(takenBack)
  const rates = taxes[taxesOf[customerIds.indexOf(customerId)]!]!
  const taxed = rates.map(({ name, percent }): [string, bigint] => [name, percentOf(percent, left)])
  left += sum(taxed.map(([, amount]) => amount))
  const credits: Reductions['credits'] = []
  const never = Number.POSITIVE_INFINITY
  const inOrder = grants
    .filter(({ expiresMs, currency: of }) => of === currency && (expiresMs ?? never) > nowMs)
    .sort(
      (x, y) =>
        x.priority - y.priority ||
        compare(x.expiresMs ?? never, y.expiresMs ?? never) ||
        x.createdMs - y.createdMs ||
        compare(x.id, y.id),
    )
  for (const { id, remaining } of inOrder) {
    const there = minorOf(remaining, currency)
    const amount = there < left ? there : left
    if (amount <= 0n) continue
    credits.push([id, amount])
    left -= amount
  }
  return { discounts, taxes: taxed, credits }
}

const compare = <T>(x: T, y: T): number => (x < y ? -1 : x > y ? 1 : 0)
