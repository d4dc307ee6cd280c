// From lines to what is due: lines − coupons + tax − credit. Each discount and each tax is rounded once; the rest adds and
// subtracts amounts that are whole minor units already.

import type { TaxRate } from '../../access/customer.ts'
import { minorUnits, roundedAmount } from '../../kernel/currency.ts'
import { type Decimal, decimal, percentOf, quotient, sum, zero } from '../../kernel/decimal.ts'
import type { Coupon } from '../coupon.ts'
import type { OpenGrant } from '../credit/credit.ts'
import type { AttachedCoupon } from '../subscriptions/subscription.ts'
import type { CreditDraw, Discount, Tax, Totals } from './invoice.ts'

export type TotalsFacts = {
  /** of the lines that coupons are taken off */
  amounts: string[]
  /** of the lines that give back what earlier invoices billed, less what their own coupons had taken off */
  takenBack: string[]
  currency: string
  /** in the order that they were attached */
  attached: AttachedCoupon[]
  coupons: Coupon[]
  taxRates: TaxRate[]
  grants: OpenGrant[]
  nowMs: number
}

export function totalsOf(facts: TotalsFacts): Totals {
  const { currency } = facts
  const charged = sum(facts.amounts.map(decimal))
  const subtotal = charged.plus(sum(facts.takenBack.map(decimal)))
  const discounts = discountsOf(facts, charged)
  const discounted = discounts.reduce((left, { amount }) => left.minus(amount), subtotal)
  const taxes = facts.taxRates.map(
    (tax): Tax => ({ ...tax, amount: roundedAmount(percentOf(tax.percent, discounted), currency) }),
  )
  const total = taxes.reduce((all, { amount }) => all.plus(amount), discounted)
  const credits = drawsOf(facts, total)
  const due = credits.reduce((left, { amount }) => left.minus(amount), total)
  const negative = total.lt('0')
  return {
    subtotal: roundedAmount(subtotal, currency),
    discounts,
    taxes,
    total: roundedAmount(total, currency),
    credits,
    amountDue: roundedAmount(negative ? zero : due, currency),
    creditGranted: roundedAmount(negative ? zero.minus(total) : zero, currency),
  }
}

/** A coupon is used up by an invoice only where it takes something off. */
function discountsOf({ attached, coupons, currency }: TotalsFacts, charged: Decimal): Discount[] {
  const discounts: Discount[] = []
  let left = charged
  for (const { coupon: key, used } of attached) {
    const coupon = coupons.find((one) => one.key === key)
    if (coupon === undefined || (coupon.periods !== null && used >= coupon.periods) || !left.gt('0')) continue
    const amount = decimal(discountBy(coupon, left, currency))
    if (amount.eq('0')) continue
    discounts.push({
      coupon: key,
      name: coupon.name,
      percentOff: coupon.percentOff,
      amount: roundedAmount(amount, currency),
    })
    left = left.minus(amount)
  }
  return discounts
}

function discountBy(
  { percentOff, amountOff, currency: of }: Coupon,
  left: Decimal,
  currency: string,
): string {
  if (percentOff !== null) return roundedAmount(percentOf(percentOff, left), currency)
  if (of !== currency) return '0'
  const amount = decimal(roundedAmount(decimal(amountOff!), currency))
  return amount.gt(left) ? roundedAmount(left, currency) : roundedAmount(amount, currency)
}

/** What coupons have taken off one of the amounts that they were taken off together. */
export function shareOfDiscounts(
  amount: string,
  { discounts }: Totals,
  { amounts, currency }: TotalsFacts,
): string {
  const taken = sum(discounts.map((one) => decimal(one.amount)))
  if (taken.eq('0')) return roundedAmount(zero, currency)
  const charged = sum(amounts.map(decimal))
  return roundedAmount(quotient(taken.times(amount), charged, minorUnits(currency)), currency)
}

/** By priority, then the nearest expiry, then the oldest. */
function drawsOf({ grants, currency, nowMs }: TotalsFacts, total: Decimal): CreditDraw[] {
  const usable = grants
    .filter(
      ({ currency: of, expiresMs, remaining }) =>
        of === currency && (expiresMs ?? Infinity) > nowMs && decimal(remaining).gt('0'),
    )
    .toSorted(
      (x, y) =>
        x.priority - y.priority ||
        (x.expiresMs ?? Infinity) - (y.expiresMs ?? Infinity) ||
        x.createdMs - y.createdMs ||
        (x.id < y.id ? -1 : 1),
    )
  const draws: CreditDraw[] = []
  let left = total
  for (const { id, name, remaining } of usable) {
    if (!left.gt('0')) break
    const amount = left.lt(decimal(remaining)) ? left : decimal(remaining)
    draws.push({ grantId: id, name, amount: roundedAmount(amount, currency) })
    left = left.minus(amount)
  }
  return draws
}
