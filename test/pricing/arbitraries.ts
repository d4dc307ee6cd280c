// Prices and quantities as fast-check draws them: every model, with and without modifiers, and quantities that like to lie
// on the edges of tiers, packages and free units.

import fc from 'fast-check'
import { type Price, priceSchema } from '../../src/pricing/price.ts'
import { fromPicos, picos } from './oracle.ts'

const text = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map(fromPicos)

/** Amounts as people write them, and any at all. */
export const amount = fc.oneof(
  fc.constantFrom('0', '0.01', '0.005', '0.00000015', '1', '2.5', '10', '0.000000000001'),
  text(0n, 10n ** 27n - 1n),
)
export const quantity = fc.oneof(
  fc.integer({ min: 0, max: 10_000 }).map(String),
  text(0n, 10n ** 18n),
  text(0n, 10n ** 27n - 1n),
)

const modifiers = fc
  .record({ free: fc.option(quantity), bounds: fc.tuple(fc.option(amount), fc.option(amount)) })
  .map(({ free, bounds: [one, other] }) => {
    const swap = one !== null && other !== null && picos(one) > picos(other)
    const [minimum, maximum] = swap ? [other, one] : [one, other]
    return {
      ...(free === null ? {} : { free_units: free }),
      ...(minimum === null ? {} : { minimum_amount: minimum }),
      ...(maximum === null ? {} : { maximum_amount: maximum }),
    }
  })

const tier = fc.oneof(
  fc.record({ unit_amount: amount }),
  fc.record({ flat_amount: amount }),
  fc.record({ unit_amount: amount, flat_amount: amount }),
)
const width = fc.oneof(fc.constantFrom(1n, 10n ** 12n, 10n ** 15n), fc.bigInt({ min: 1n, max: 10n ** 24n }))

const tiers = fc.tuple(fc.array(fc.tuple(width, tier), { maxLength: 6 }), tier).map(([bounded, last]) => {
  let end = 0n
  const ended = bounded.map(([width, tier]) => {
    end += width
    return { up_to: fromPicos(end) as string | null, ...tier }
  })
  return [...ended, { up_to: null, ...last }]
})

const models: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  amount.map((unit_amount) => ({ model: 'per_unit', unit_amount })),
  fc
    .record({ package_size: text(1n, 10n ** 27n - 1n), package_amount: amount })
    .map((fields) => ({ model: 'package', ...fields })),
  tiers.map((tiers) => ({ model: 'graduated', tiers })),
  tiers.map((tiers) => ({ model: 'volume', tiers })),
)

/** Any price, as `priceSchema` lets it through. */
export const price: fc.Arbitrary<Price> = fc
  .tuple(models, modifiers)
  .map(([model, modifiers]) => priceSchema.parse({ ...model, ...modifiers }))

export const graduatedPrice = price.filter((price) => price.model === 'graduated')

/** A price and a quantity, often one at an edge of that price, or next to it. */
export const priceAndQuantity = price.chain((price) =>
  fc.tuple(fc.constant(price), fc.oneof(quantity, edgeOf(price), edgeOf(price))),
)

export function edgesOf(price: Price): bigint[] {
  const free = picos(price.free_units ?? '0')
  if ('tiers' in price) return price.tiers.map((tier) => free + picos(tier.up_to ?? '0'))
  return price.model === 'package' ? [free, free + picos(price.package_size)] : [free]
}

const edgeOf = (price: Price) =>
  fc
    .tuple(fc.constantFrom(...edgesOf(price)), fc.constantFrom(-1n, 0n, 1n))
    .map(([edge, step]) => fromPicos(edge + step < 0n ? 0n : edge + step))
