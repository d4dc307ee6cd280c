// What holds for every price and every quantity. A failure prints its seed and the smallest case that still fails.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { minorUnits } from '../../src/kernel/currency.ts'
import { decimal } from '../../src/kernel/decimal.ts'
import type { Price } from '../../src/pricing/price.ts'
import { priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'
import { type BreakdownRow, ratedSchema } from '../../src/pricing/rated.ts'
import {
  amount,
  edgesOf,
  events,
  percent,
  present,
  price,
  priceAndQuantity,
  pricesOf,
  quantity,
} from './arbitraries.ts'
import {
  exact,
  fromPicos,
  most,
  oracleConverted,
  oracleCost,
  oracleRounded,
  picos,
  product,
} from './oracle.ts'

const currency = fc.constantFrom('JPY', 'USD', 'KWD', 'CLF')
const RUNS = { numRuns: 1_000 }
const cost = (price: Price, quantity: string, events = '0'): bigint =>
  exact(rate(price, decimal(quantity), 'USD', decimal(events)).unrounded_amount)
const total = (texts: string[]): bigint => texts.reduce((sum, text) => sum + exact(text), 0n)

/** What the row's amount must be by its other fields, and by what the rows before it came to. */
function explained(row: BreakdownRow, before: bigint): bigint {
  switch (row.kind) {
    case 'unit_conversion':
      expect(oracleConverted(row, exact(row.quantity_before) / 10n ** 28n)).toBe(
        exact(row.quantity_after) / 10n ** 28n,
      )
      return 0n
    case 'free_units':
    case 'free_amount':
      return 0n
    case 'flat':
      return row.amount === '0' && row.quantity === '0' ? 0n : exact(row.flat_amount)
    case 'package':
      return BigInt(row.packages) * exact(row.package_amount)
    case 'fixed_amount':
      expect(BigInt(row.free_events) + BigInt(row.paid_events)).toBe(BigInt(row.events))
      return BigInt(row.paid_events) * exact(row.fixed_amount)
    case 'per_unit':
      return times(row.quantity, row.unit_amount)
    case 'graduated':
    case 'volume':
      return times(row.quantity, row.unit_amount) + exact(row.flat_amount)
    case 'percentage':
      return times(row.quantity, row.rate) / 100n
    case 'graduated_percentage':
      return times(row.quantity, row.rate) / 100n + exact(row.flat_amount)
    case 'discount_percent':
      return (-before * picos(row.discount_percent)) / 10n ** 14n
    case 'maximum_amount':
      return exact(row.maximum_amount) - before
    case 'minimum_amount':
      return exact(row.minimum_amount) - before
  }
}

const times = (quantity: string, amount: string): bigint => (exact(quantity) * picos(amount)) / 10n ** 12n

describe('rating', () => {
  test('agrees with whole-number arithmetic to the last digit, before rounding and after', () => {
    fc.assert(
      fc.property(priceAndQuantity, events, currency, ([price, quantity], events, currency) => {
        const rated = rate(price, decimal(quantity), currency, decimal(events))
        const expected = oracleCost(price, quantity, events)
        expect(exact(rated.unrounded_amount)).toBe(expected)
        expect(rated.amount).toBe(oracleRounded(expected, minorUnits(currency)))
      }),
      { numRuns: 3_000 },
    )
  })

  test('is explained: the amounts of the rows add up to the exact amount, the quantities to the converted quantity', () => {
    fc.assert(
      fc.property(priceAndQuantity, events, ([price, quantity], events) => {
        const { breakdown, unrounded_amount } = rate(price, decimal(quantity), 'USD', decimal(events))
        expect(total(breakdown.map((row) => row.amount))).toBe(exact(unrounded_amount))
        const conversion = breakdown.find((row) => row.kind === 'unit_conversion')
        expect(conversion === breakdown[0]).toBe('unit_conversion' in price)
        expect(exact(conversion?.quantity_before ?? quantity)).toBe(exact(quantity))
        expect(total(breakdown.map((row) => ('quantity' in row ? row.quantity : '0')))).toBe(
          exact(conversion?.quantity_after ?? quantity),
        )
      }),
      RUNS,
    )
  })

  test('explains each row by the numbers that stand in it', () => {
    fc.assert(
      fc.property(priceAndQuantity, events, ([price, quantity], events) => {
        let before = 0n
        for (const row of rate(price, decimal(quantity), 'USD', decimal(events)).breakdown) {
          expect(explained(row, before)).toBe(exact(row.amount))
          before += exact(row.amount)
        }
      }),
      RUNS,
    )
  })

  test('answers in the form that the API documents', () => {
    fc.assert(
      fc.property(priceAndQuantity, events, currency, ([price, quantity], events, currency) => {
        const rated = rate(price, decimal(quantity), currency, decimal(events))
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
      fc.property(price, quantity, events, (price, quantity, events) => {
        const [none, negative] = ['0', `-${quantity}`].map((usage) =>
          rate(price, decimal(usage), 'USD', decimal(events)),
        )
        expect(negative).toEqual(none)
        expect(cost(price, quantity, `-${events}`)).toBe(cost(price, quantity, '0'))
      }),
    )
  })

  test('stays within the minimum and the maximum', () => {
    fc.assert(
      fc.property(priceAndQuantity, ([price, quantity]) => {
        const paid = cost(price, quantity)
        expect(paid >= exact(price.minimum_amount ?? '0')).toBe(true)
        if (price.maximum_amount !== undefined) expect(paid <= exact(price.maximum_amount)).toBe(true)
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
  test('of any model but volume: more usage, or more events, never cost less', () => {
    const rising = priceAndQuantity.filter(([price]) => price.model !== 'volume')
    fc.assert(
      fc.property(rising, quantity, events, events, ([price, one], more, some, others) => {
        const other = fromPicos(picos(one) + picos(more))
        const before = cost(price, one, some)
        expect(cost(price, other, some) >= before).toBe(true)
        expect(cost(price, one, String(BigInt(some) + BigInt(others))) >= before).toBe(true)
      }),
      RUNS,
    )
  })

  test('graduated, by amount or percentage, without flat amounts never jumps: a bit more usage costs at most that bit at the dearest tier', () => {
    const step = fc.oneof(fc.constant(1n), fc.bigInt({ min: 0n, max: 10n ** 20n }))
    const at = pricesOf('graduated', 'graduated_percentage')
      .map(({ unit_conversion: _, ...price }) =>
        priceSchema.parse({
          ...price,
          tiers: price.tiers.map(({ flat_amount: _, ...tier }) =>
            price.model === 'graduated' ? { unit_amount: '0', ...tier } : { rate: '0', ...tier },
          ),
        }),
      )
      .chain((price) =>
        fc.tuple(fc.constant(price), fc.oneof(quantity.map(picos), fc.constantFrom(...edgesOf(price)))),
      )
    const unitPrice = (tier: { unit_amount?: string | undefined } | { rate?: string | undefined }) =>
      'rate' in tier
        ? product(10n ** 12n, picos(tier.rate!)) / 100n
        : product(10n ** 12n, picos('unit_amount' in tier ? tier.unit_amount! : '0'))
    fc.assert(
      fc.property(at, step, ([price, start], step) => {
        const dearest = most(...('tiers' in price ? price.tiers : []).map(unitPrice))
        const rise = cost(price, fromPicos(start + step)) - cost(price, fromPicos(start))
        expect(rise * 10n ** 12n <= step * dearest).toBe(true)
      }),
      RUNS,
    )
  })

  test('asks for nothing at zero usage, if its flat amounts are not due there and it has no minimum', () => {
    const flats = pricesOf('flat', 'graduated', 'volume', 'graduated_percentage')
    fc.assert(
      fc.property(flats, (price) => {
        const { minimum_amount: _, ...without } = price
        expect(cost({ ...without, flat_at_zero: false }, '0')).toBe(0n)
      }),
    )
  })
})

test('where every unit and every event costs the same, the parts of any split cost together what the whole does', () => {
  const lone = (model: string, tier: object) => ({ model, tiers: [{ up_to: null, ...tier }] })
  const rate = percent(1_000n)
  const models = fc.oneof(
    amount.map((unit_amount) => ({ model: 'per_unit', unit_amount })),
    amount.map((unit_amount) => lone('graduated', { unit_amount })),
    amount.map((unit_amount) => lone('volume', { unit_amount })),
    rate.map((rate) => lone('graduated_percentage', { rate })),
    fc.tuple(rate, amount).map(([rate, fixed_amount]) => ({ model: 'percentage', rate, fixed_amount })),
  )
  const modifiers = fc.record({
    discount_percent: fc.option(percent(100n)),
    // by which every quantity divides exactly
    unit_conversion: fc.option(
      fc.constantFrom('1', '0.5', '1000', '1048576').map((divide_by) => ({ divide_by, round: 'none' })),
    ),
  })
  const linear = fc
    .tuple(models, modifiers)
    .map(([model, modifiers]) => priceSchema.parse({ ...model, ...present(modifiers) }))
  const parts = fc.array(fc.tuple(quantity, events), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(linear, parts, (price, parts) => {
      const whole = fromPicos(parts.reduce((sum, [quantity]) => sum + picos(quantity), 0n))
      const allEvents = String(parts.reduce((sum, [, events]) => sum + BigInt(events), 0n))
      const together = parts.reduce((sum, [quantity, events]) => sum + cost(price, quantity, events), 0n)
      expect(together).toBe(cost(price, whole, allEvents))
    }),
    RUNS,
  )
})

test('a price that was let through is let through again unchanged, also by way of JSON', () => {
  fc.assert(
    fc.property(price, (price) => {
      expect(priceSchema.parse(price)).toEqual(price)
      expect(priceSchema.parse(JSON.parse(JSON.stringify(price)))).toEqual(price)
    }),
  )
})
