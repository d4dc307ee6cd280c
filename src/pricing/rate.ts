// What a quantity costs by a price. Exact all the way; the line is rounded once, at the end.

import { roundedAmount } from '../kernel/currency.ts'
import { type Decimal, decimal, sum, text, zero } from '../kernel/decimal.ts'
import { boundAmount, takeFreeUnits } from './modifiers.ts'
import { type Price, priceModels } from './price.ts'
import type { BreakdownRow, Rated } from './rated.ts'

/**
 * A negative quantity (a gauge that fell below zero, the `min` or `latest` of a property) is rated as zero: usage never
 * turns into a credit that nobody granted. What is due at zero usage, a flat or a minimum amount, stays due.
 */
export function rate(price: Price, quantity: Decimal, currency: string): Rated {
  const billable = quantity.lt('0') ? zero : quantity
  const free = takeFreeUnits(price, billable)
  const used: BreakdownRow[] = [...free.rows, ...charge(price, free.remainder)]
  const breakdown: BreakdownRow[] = [...used, ...boundAmount(price, sumOfAmounts(used))]
  const unrounded = sumOfAmounts(breakdown)
  return { amount: roundedAmount(unrounded, currency), unrounded_amount: text(unrounded), breakdown }
}

/** The table gives a price to its own model, which the compiler can't follow. */
const charge = (price: Price, quantity: Decimal): BreakdownRow[] =>
  priceModels[price.model].charge(price as never, quantity)

const sumOfAmounts = (rows: BreakdownRow[]): Decimal => sum(rows.map((row) => decimal(row.amount)))
