// Exact arithmetic of the oracle, with nothing but BigInt. Quantities and what a unit costs are in units of 10^-12, so what
// they come to is in units of 10^-24; amounts of money are in minor units.

import { UNIT, unitsOf } from '../expected.ts'

const MINOR_DIGITS: Record<string, number> = { USD: 2, JPY: 0, KWD: 3 }

/** Half away from zero. */
export function ratio(a: bigint, b: bigint): bigint {
  const x = a < 0n ? -a : a
  const rounded = (2n * x + b) / (2n * b)
  return a < 0n ? -rounded : rounded
}

/** `12.50` USD → 1250n; what a currency has no minor unit for is rounded. */
export const minorOf = (amount: string, currency: string): bigint =>
  ratio(unitsOf(amount), 10n ** BigInt(12 - MINOR_DIGITS[currency]!))

/** From units of 10^-24. */
const minorOfExact = (exact: bigint, currency: string): bigint =>
  ratio(exact, 10n ** BigInt(24 - MINOR_DIGITS[currency]!))

/** `percent` of an amount in minor units. */
export const percentOf = (percent: string, minor: bigint): bigint =>
  ratio(minor * unitsOf(percent), UNIT * 100n)

export const sum = (values: Iterable<bigint>): bigint => {
  let total = 0n
  for (const value of values) total += value
  return total
}

type Tier = { up_to: string | null; unit_amount?: string | undefined; flat_amount?: string | undefined }
/** As far as this simulation uses them. */
export type AnyPrice = {
  model: string
  unit_amount?: string
  package_size?: string
  package_amount?: string
  tiers?: Tier[]
  flat_amount?: string
  rate?: string
  fixed_amount?: string
  free_units?: string
  minimum_amount?: string
}

/** What a quantity (10^-12) in so many events costs, in minor units. */
export function rated(price: AnyPrice | null, quantity: bigint, events: number, currency: string): bigint {
  if (price === null) return 0n
  const free = unitsOf(price.free_units ?? '0')
  const left = quantity < free ? 0n : quantity - (quantity < 0n ? quantity : free)
  const asked = charge(price, left, BigInt(events))
  const least = unitsOf(price.minimum_amount ?? '0') * UNIT
  return minorOfExact(asked < least ? least : asked, currency)
}

function charge(price: AnyPrice, quantity: bigint, events: bigint): bigint {
  switch (price.model) {
    case 'per_unit':
      return quantity * unitsOf(price.unit_amount!)
    case 'package': {
      const size = unitsOf(price.package_size!)
      return ((quantity + size - 1n) / size) * unitsOf(price.package_amount!) * UNIT
    }
    case 'flat':
      return unitsOf(price.flat_amount!) * UNIT
    case 'percentage':
      return (quantity * unitsOf(price.rate!)) / 100n + events * unitsOf(price.fixed_amount ?? '0') * UNIT
    case 'volume': {
      const tier = price.tiers!.find(({ up_to }) => up_to === null || quantity <= unitsOf(up_to))!
      return quantity * unitsOf(tier.unit_amount ?? '0') + unitsOf(tier.flat_amount ?? '0') * UNIT
    }
    case 'graduated': {
      let [total, from] = [0n, 0n]
      for (const [i, tier] of price.tiers!.entries()) {
        if (i > 0 && quantity <= from) break
        const to = tier.up_to === null || quantity < unitsOf(tier.up_to) ? quantity : unitsOf(tier.up_to)
        total += (to - from) * unitsOf(tier.unit_amount ?? '0') + unitsOf(tier.flat_amount ?? '0') * UNIT
        from = to
      }
      return total
    }
    default:
      throw new Error(`The oracle has no model ${price.model}`)
  }
}
