// What a quantity costs by a price. Exact all the way; the line is rounded once, at the end.

import { roundedAmount } from '../kernel/currency.ts'
import { type Decimal, decimal, sum, text, zero } from '../kernel/decimal.ts'
import { boundAmount } from './bounds.ts'
import { discount } from './discount.ts'
import { takeFreeUnits } from './free-units.ts'
import type { Modifiers } from './modifiers.ts'
import { type Price, priceModels } from './price.ts'
import type { BreakdownRow, Rated } from './rated.ts'
import { convertUnits } from './unit-conversion.ts'

/**
 * A negative quantity (a gauge that fell below zero, the `min` or `latest` of a property) is rated as zero: usage never
 * turns into a credit that nobody granted. What is due at zero usage, a flat or a minimum amount, stays due.
 * `events`: how many events the quantity is of, for a price that has an amount for each.
 */
export function rate(price: Price, quantity: Decimal, currency: string, events: Decimal = zero): Rated {
  const modifiers: Modifiers = price
  const { rows: conversion, converted } = convertUnits(modifiers.unit_conversion, zeroOrMore(quantity))
  const { rows: free, remainder } = takeFreeUnits(modifiers.free_units, converted)
  const breakdown: BreakdownRow[] = [...conversion, ...free, ...charge(price, remainder, zeroOrMore(events))]
  breakdown.push(...discount(modifiers.discount_percent, sumOfAmounts(breakdown)))
  breakdown.push(...boundAmount(modifiers, sumOfAmounts(breakdown)))
  const unrounded = sumOfAmounts(breakdown)
  return { amount: roundedAmount(unrounded, currency), unrounded_amount: text(unrounded), breakdown }
}

const zeroOrMore = (value: Decimal): Decimal => (value.lt('0') ? zero : value)

/** The table gives a price to its own model, which the compiler can't follow. */
const charge = (price: Price, quantity: Decimal, events: Decimal): BreakdownRow[] =>
  priceModels[price.model].charge(price as never, quantity, events)

const sumOfAmounts = (rows: BreakdownRow[]): Decimal => sum(rows.map((row) => decimal(row.amount)))
