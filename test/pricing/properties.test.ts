// What holds for every price and every quantity. A failure prints its seed and the smallest case that still fails.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { minorUnits } from '../../src/kernel/currency.ts'
import { decimal } from '../../src/kernel/decimal.ts'
import { priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'
import { ratedSchema } from '../../src/pricing/rated.ts'
import { edgesOf, graduatedPrice, price, priceAndQuantity, quantity } from './arbitraries.ts'
import { fromPicos, most, oracleCost, oracleRounded, picos, yoctos } from './oracle.ts'

const currency = fc.constantFrom('JPY', 'USD', 'KWD', 'CLF')
const RUNS = { numRuns: 1_000 }
const cost = (...[price, quantity]: Parameters<typeof oracleCost>): bigint =>
  yoctos(rate(price, decimal(quantity), 'USD').unrounded_amount)

describe('rating', () => {
  test('agrees with whole-number arithmetic to the last digit, before rounding and after', () => {
    fc.assert(
      fc.property(priceAndQuantity, currency, ([price, quantity], currency) => {
        const rated = rate(price, decimal(quantity), currency)
        const exact = oracleCost(price, quantity)
        expect(yoctos(rated.unrounded_amount)).toBe(exact)
        expect(rated.amount).toBe(oracleRounded(exact, minorUnits(currency)))
      }),
      RUNS,
    )
  })

  test('is explained: the amounts of the rows add up to the exact amount, the quantities to the quantity', () => {
    fc.assert(
      fc.property(priceAndQuantity, ([price, quantity]) => {
        const { breakdown, unrounded_amount } = rate(price, decimal(quantity), 'USD')
        const total = (texts: string[]) => texts.reduce((sum, text) => sum + yoctos(text), 0n)
        expect(total(breakdown.map((row) => row.amount))).toBe(yoctos(unrounded_amount))
        expect(total(breakdown.map((row) => ('quantity' in row ? row.quantity : '0')))).toBe(yoctos(quantity))
      }),
      RUNS,
    )
  })

  test('explains each row: quantity · unit amount + flat amount, or packages · package amount', () => {
    fc.assert(
      fc.property(priceAndQuantity, ([price, quantity]) => {
        for (const row of rate(price, decimal(quantity), 'USD').breakdown) {
          if (row.kind === 'package') {
            expect(yoctos(row.amount)).toBe(BigInt(row.packages) * yoctos(row.package_amount))
          } else if ('unit_amount' in row) {
            const flat = 'flat_amount' in row ? yoctos(row.flat_amount) : 0n
            expect(yoctos(row.amount)).toBe(picos(row.quantity) * picos(row.unit_amount) + flat)
          }
        }
      }),
      RUNS,
    )
  })

  test('answers in the form that the API documents', () => {
    fc.assert(
      fc.property(priceAndQuantity, currency, ([price, quantity], currency) => {
        const rated = rate(price, decimal(quantity), currency)
        expect(ratedSchema.parse(rated)).toEqual(rated)
      }),
    )
  })

  test('rounds by at most half a minor unit, and exactly half away from zero', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), currency, (units, currency) => {
        const digits = minorUnits(currency)
        // an odd number of halves of the minor unit
        const halves = fromPicos((2n * units + 1n) * 5n * 10n ** BigInt(11 - digits))
        const rated = rate({ model: 'per_unit', unit_amount: halves }, decimal('1'), currency)
        expect(BigInt(rated.amount.replace('.', ''))).toBe(units + 1n)
      }),
    )
  })

  test('never turns negative usage into a credit: it costs what no usage costs', () => {
    fc.assert(
      fc.property(price, quantity, (price, quantity) => {
        expect(rate(price, decimal(`-${quantity}`), 'USD')).toEqual(rate(price, decimal('0'), 'USD'))
      }),
    )
  })

  test('stays within the minimum and the maximum', () => {
    fc.assert(
      fc.property(priceAndQuantity, ([price, quantity]) => {
        const exact = cost(price, quantity)
        expect(exact >= yoctos(price.minimum_amount ?? '0')).toBe(true)
        if (price.maximum_amount !== undefined) expect(exact <= yoctos(price.maximum_amount)).toBe(true)
      }),
    )
  })

  test('depends on nothing but its input, and changes none of it', () => {
    fc.assert(
      fc.property(priceAndQuantity, ([price, quantity]) => {
        const [before, used] = [structuredClone(price), decimal(quantity)]
        expect(rate(price, used, 'USD')).toEqual(rate(price, used, 'USD'))
        expect(price).toEqual(before)
        expect(used.eq(quantity)).toBe(true)
      }),
    )
  })
})

describe('a price that rises with usage', () => {
  test('graduated, per unit and by package: more usage never costs less', () => {
    const rising = priceAndQuantity.filter(([price]) => price.model !== 'volume')
    fc.assert(
      fc.property(rising, quantity, ([price, one], more) => {
        const other = fromPicos(picos(one) + picos(more))
        expect(cost(price, other) >= cost(price, one)).toBe(true)
      }),
      RUNS,
    )
  })

  test('graduated without flat amounts never jumps: a bit more usage costs at most that bit at the dearest tier', () => {
    const step = fc.oneof(fc.constant(1n), fc.bigInt({ min: 0n, max: 10n ** 20n }))
    const at = graduatedPrice
      .map((price) => ({
        ...price,
        tiers: price.tiers.map(({ flat_amount: _, ...tier }) => ({ unit_amount: '0', ...tier })),
      }))
      .chain((price) =>
        fc.tuple(fc.constant(price), fc.oneof(quantity.map(picos), fc.constantFrom(...edgesOf(price)))),
      )
    fc.assert(
      fc.property(at, step, ([price, start], step) => {
        const dearest = most(...price.tiers.map((tier) => picos(tier.unit_amount)))
        const rise = cost(price, fromPicos(start + step)) - cost(price, fromPicos(start))
        expect(rise <= step * dearest).toBe(true)
      }),
      RUNS,
    )
  })
})

test('a price that was let through is let through again unchanged', () => {
  fc.assert(
    fc.property(price, (price) => {
      expect(priceSchema.parse(price)).toEqual(price)
    }),
  )
})
