// A second opinion on what a price costs, written without the code it checks: BigInt fixed point, each model from its
// definition. Prices are in 10⁻¹² as they are written, quantities in 10⁻⁴⁰ (a conversion makes decimals), and each product
// has the decimals of both: costs are in 10⁻⁶⁸, 40 + 12 for a unit amount, 2 for a percentage, and 14 for a discount.

import type { Price } from '../../src/pricing/price.ts'

const WRITTEN = 12
const QUANTITY = 40
const CHARGE = QUANTITY + WRITTEN + 2
const COST = CHARGE + WRITTEN + 2

const ten = (exponent: number): bigint => 10n ** BigInt(exponent)

/** A decimal's text as a whole number of 10^-decimals. Refuses what has more decimals. */
function scaled(text: string, decimals: number): bigint {
  const negative = text.startsWith('-')
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  if (fraction.length > decimals) throw new Error(`More than ${decimals} decimals: ${text}`)
  const value = BigInt(whole + fraction.padEnd(decimals, '0'))
  return negative ? -value : value
}

/** A quantity or an amount as it is written in a price, in 10⁻¹². */
export const picos = (text: string): bigint => scaled(text, WRITTEN)

/** In 10⁻⁶⁸: any amount or quantity that an answer has. */
export const exact = (text: string): bigint => scaled(text, COST)

/** What a product of quantity and unit amount, both in 10⁻¹², is in 10⁻⁶⁸. */
export const product = (quantity: bigint, unitAmount: bigint): bigint =>
  quantity * unitAmount * ten(COST - 2 * WRITTEN)

export function fromPicos(value: bigint): string {
  const digits = value.toString().padStart(13, '0')
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '')
}

const ascending = (values: bigint[]): bigint[] => values.toSorted((a, b) => (a < b ? -1 : 1))
export const least = (...values: bigint[]): bigint => ascending(values)[0]!
export const most = (...values: bigint[]): bigint => ascending(values).at(-1)!
const ceiling = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

const quantityOf = (text: string | undefined): bigint => scaled(text ?? '0', QUANTITY)
/** An amount as a charge, in 10⁻⁵⁴. */
const chargeOf = (text: string | undefined): bigint => scaled(text ?? '0', CHARGE)

/** The exact cost in 10⁻⁶⁸. */
export function oracleCost(price: Price, quantity: string, events = '0'): bigint {
  const used = quantity.startsWith('-') ? 0n : quantityOf(quantity)
  const converted = 'unit_conversion' in price ? oracleConverted(price.unit_conversion, used) : used
  const free = 'free_units' in price ? quantityOf(price.free_units) : 0n
  const charged = modelCharge(price, most(0n, converted - free), BigInt(events))
  const discounted = charged * (100n * ten(WRITTEN) - picos(price.discount_percent ?? '0'))
  const { minimum_amount: minimum = '0', maximum_amount: maximum } = price
  const lowered = maximum === undefined ? discounted : least(discounted, exact(maximum))
  return most(lowered, exact(minimum))
}

type Conversion = { divide_by: string; round: 'up' | 'down' | 'nearest' | 'none' }

/** Quantities in 10⁻⁴⁰. */
export function oracleConverted(conversion: Conversion | undefined, quantity: bigint): bigint {
  if (conversion === undefined) return quantity
  const one = ten(QUANTITY)
  const by = quantityOf(conversion.divide_by)
  switch (conversion.round) {
    case 'up':
      return ceiling(quantity, by) * one
    case 'down':
      return (quantity / by) * one
    case 'nearest':
      return ((2n * quantity + by) / (2n * by)) * one
    case 'none':
      return ceiling(quantity * one, by)
  }
}

/** In 10⁻⁵⁴. */
function modelCharge(price: Price, billable: bigint, events: bigint): bigint {
  const someUsage = billable > 0n
  switch (price.model) {
    case 'per_unit':
      return billable * picos(price.unit_amount) * 100n
    case 'package':
      return ceiling(billable, quantityOf(price.package_size)) * chargeOf(price.package_amount)
    case 'flat':
      return someUsage || price.flat_at_zero !== false ? chargeOf(price.flat_amount) : 0n
    case 'percentage': {
      const money = most(0n, billable - quantityOf(price.free_amount))
      const paid = most(0n, events - BigInt(price.free_events ?? '0'))
      return money * picos(price.rate) + paid * chargeOf(price.fixed_amount)
    }
    case 'graduated':
    case 'graduated_percentage': {
      const { ends, pays, flats } = tierTable(price, someUsage)
      return ends.reduce((total, end, i) => {
        const start = i === 0 ? 0n : ends[i - 1]!
        const inside = most(0n, least(billable, end) - start)
        const entered = i === 0 || inside > 0n
        return total + inside * pays[i]! + (entered ? flats[i]! : 0n)
      }, 0n)
    }
    case 'volume': {
      const { ends, pays, flats } = tierTable(price, someUsage)
      const tier = ends.filter((end) => end < billable).length
      return billable * pays[tier]! + flats[tier]!
    }
  }
}

type Tiered = Extract<Price, { tiers: unknown }>

/** `pays`: what a unit pays, in 10⁻¹⁴. */
function tierTable(price: Tiered, someUsage: boolean) {
  const flatsAreDue = someUsage || price.flat_at_zero !== false
  return {
    ends: price.tiers.map(({ up_to }) => (up_to === null ? ten(100) : quantityOf(up_to))),
    pays: price.tiers.map((tier) =>
      'rate' in tier
        ? picos(tier.rate ?? '0')
        : picos(('unit_amount' in tier && tier.unit_amount) || '0') * 100n,
    ),
    flats: price.tiers.map((tier) => (flatsAreDue ? chargeOf(tier.flat_amount) : 0n)),
  }
}

/** 10⁻⁶⁸ rounded half away from zero to so many decimals, as text. Costs are never negative. */
export function oracleRounded(cost: bigint, digits: number): string {
  const unit = ten(COST - digits)
  const rounded = ((2n * cost + unit) / (2n * unit)).toString().padStart(digits + 1, '0')
  return digits === 0 ? rounded : `${rounded.slice(0, -digits)}.${rounded.slice(-digits)}`
}
