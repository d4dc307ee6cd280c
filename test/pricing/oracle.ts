// A second opinion on what a price costs, written without the code it checks: BigInt fixed point, quantities and unit
// amounts in 10⁻¹², amounts in 10⁻²⁴, each model from its definition.

import type { Price } from '../../src/pricing/price.ts'

const PICO = 10n ** 12n

export function picos(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(12, '0'))
}

export function fromPicos(value: bigint): string {
  const digits = value.toString().padStart(13, '0')
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '')
}

/** 10⁻²⁴ as a decimal, for comparison with text of any number of decimals. */
export function yoctos(text: string): bigint {
  const negative = text.startsWith('-')
  const [whole = '', fraction = ''] = text.replace('-', '').split('.')
  if (fraction.length > 24) throw new Error(`More than 24 decimals: ${text}`)
  const value = BigInt(whole + fraction.padEnd(24, '0'))
  return negative ? -value : value
}

const ascending = (values: bigint[]): bigint[] => values.toSorted((a, b) => (a < b ? -1 : 1))
export const least = (...values: bigint[]): bigint => ascending(values)[0]!
export const most = (...values: bigint[]): bigint => ascending(values).at(-1)!

/** The exact cost in 10⁻²⁴. */
export function oracleCost(price: Price, quantity: string): bigint {
  const used = quantity.startsWith('-') ? 0n : picos(quantity)
  const billable = most(0n, used - picos(price.free_units ?? '0'))
  const raw = modelCost(price, billable)
  const raised = most(raw, picos(price.minimum_amount ?? '0') * PICO)
  return price.maximum_amount === undefined ? raised : least(raised, picos(price.maximum_amount) * PICO)
}

function modelCost(price: Price, billable: bigint): bigint {
  switch (price.model) {
    case 'per_unit':
      return billable * picos(price.unit_amount)
    case 'package': {
      const size = picos(price.package_size)
      const packages = billable / size + (billable % size === 0n ? 0n : 1n)
      return packages * picos(price.package_amount) * PICO
    }
    case 'graduated': {
      const { ends, units, flats } = tierTable(price.tiers)
      return ends.reduce((total, end, i) => {
        const start = i === 0 ? 0n : ends[i - 1]!
        const inside = most(0n, least(billable, end) - start)
        const entered = i === 0 || inside > 0n
        return total + inside * units[i]! + (entered ? flats[i]! : 0n)
      }, 0n)
    }
    case 'volume': {
      const { ends, units, flats } = tierTable(price.tiers)
      const tier = ends.filter((end) => end < billable).length
      return billable * units[tier]! + flats[tier]!
    }
  }
}

function tierTable(tiers: { up_to: string | null; unit_amount?: string; flat_amount?: string }[]) {
  return {
    ends: tiers.map((tier) => (tier.up_to === null ? 10n ** 60n : picos(tier.up_to))),
    units: tiers.map((tier) => picos(tier.unit_amount ?? '0')),
    flats: tiers.map((tier) => picos(tier.flat_amount ?? '0') * PICO),
  }
}

/** 10⁻²⁴ rounded half away from zero to so many decimals, as text. Costs are never negative. */
export function oracleRounded(cost: bigint, digits: number): string {
  const unit = 10n ** BigInt(24 - digits)
  const rounded = ((2n * cost + unit) / (2n * unit)).toString().padStart(digits + 1, '0')
  return digits === 0 ? rounded : `${rounded.slice(0, -digits)}.${rounded.slice(-digits)}`
}
