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

/** How many events a quantity is of. */
export const events = fc.oneof(
  fc.constant('0'),
  fc.integer({ min: 1, max: 100 }).map(String),
  fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }).map(String),
)

/** Percentages as people write them, and any at all up to so many. */
export const percent = (max: bigint) =>
  fc.oneof(fc.constantFrom('0', '2.9', '15', '50', '100', '33.333333333333'), text(0n, max * 10n ** 12n))
const size = fc.oneof(
  fc.constantFrom('1', '3', '0.5', '7', '1000', '1024', '3600', '1073741824'),
  text(1n, 10n ** 27n - 1n),
)

const conversion = fc.record({
  divide_by: size,
  round: fc.constantFrom('up', 'down', 'nearest', 'none'),
})

/** The fields that are there of a record of options. */
export const present = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

const quantityModifiers = fc.record({
  unit_conversion: fc.option(conversion),
  free_units: fc.option(quantity),
})
const amountModifiers = fc
  .record({
    discount_percent: fc.option(percent(100n)),
    bounds: fc.tuple(fc.option(amount), fc.option(amount)),
  })
  .map(({ discount_percent, bounds: [one, other] }) => {
    const swap = one !== null && other !== null && picos(one) > picos(other)
    const [minimum_amount, maximum_amount] = swap ? [other, one] : [one, other]
    return { discount_percent, minimum_amount, maximum_amount }
  })

const tier = (pays: 'unit_amount' | 'rate', paid: fc.Arbitrary<string>) =>
  fc.oneof(
    paid.map((paid) => ({ [pays]: paid })),
    amount.map((flat_amount) => ({ flat_amount })),
    fc.tuple(paid, amount).map(([paid, flat_amount]) => ({ [pays]: paid, flat_amount })),
  )
const width = fc.oneof(fc.constantFrom(1n, 10n ** 12n, 10n ** 15n), fc.bigInt({ min: 1n, max: 10n ** 24n }))

const tiered = (model: string, tier: fc.Arbitrary<Record<string, string>>) =>
  fc
    .tuple(fc.array(fc.tuple(width, tier), { maxLength: 6 }), tier, fc.option(fc.boolean()))
    .map(([bounded, last, flat_at_zero]) => {
      let end = 0n
      const ended = bounded.map(([width, tier]) => {
        end += width
        return { up_to: fromPicos(end) as string | null, ...tier }
      })
      return { model, tiers: [...ended, { up_to: null, ...last }], ...present({ flat_at_zero }) }
    })

type Fields = Record<string, unknown>
const unitTier = tier('unit_amount', amount)

/** A price of each model, without what all models share. */
const models = {
  per_unit: amount.map((unit_amount) => ({ model: 'per_unit', unit_amount })),
  package: fc
    .record({ package_size: size, package_amount: amount })
    .map((fields) => ({ model: 'package', ...fields })),
  graduated: tiered('graduated', unitTier),
  volume: tiered('volume', unitTier),
  graduated_percentage: tiered('graduated_percentage', tier('rate', percent(1_000n))),
  flat: fc
    .record({ flat_amount: amount, flat_at_zero: fc.option(fc.boolean()) })
    .map((fields) => ({ model: 'flat', ...present(fields) })),
  percentage: fc
    .record({
      rate: percent(1_000n),
      free_amount: fc.option(quantity),
      fixed: fc.option(fc.record({ fixed_amount: amount, free_events: fc.option(events) })),
      unit_conversion: fc.option(conversion),
    })
    .map(({ fixed, ...fields }) => ({ model: 'percentage', ...present(fields), ...present(fixed ?? {}) })),
} satisfies Record<Price['model'], fc.Arbitrary<Fields>>

/** They don't take all modifiers of the quantity; what `percentage` takes is drawn with it. */
const bareModels = ['flat', 'percentage']

const priceFrom = (model: fc.Arbitrary<Fields>): fc.Arbitrary<Price> =>
  fc.tuple(model, quantityModifiers, amountModifiers).map(([fields, ofQuantity, ofAmount]) =>
    priceSchema.parse({
      ...fields,
      ...(bareModels.includes(String(fields.model)) ? {} : present(ofQuantity)),
      ...present(ofAmount),
    }),
  )

/** Any price, as `priceSchema` lets it through. */
export const price: fc.Arbitrary<Price> = priceFrom(fc.oneof(...Object.values(models)))

/** Any price of these models, with any modifiers. */
export const pricesOf = <Model extends Price['model']>(...names: Model[]) =>
  priceFrom(fc.oneof(...names.map((name): fc.Arbitrary<Fields> => models[name]))) as fc.Arbitrary<
    Extract<Price, { model: Model }>
  >

/** A price and a quantity, often one at an edge of that price, or next to it. */
export const priceAndQuantity = price.chain((price) =>
  fc.tuple(fc.constant(price), fc.oneof(quantity, edgeOf(price), edgeOf(price))),
)

/** Quantities as they are counted, in 10⁻¹², at which the price changes what it asks for. */
export function edgesOf(price: Price): bigint[] {
  const by = 'unit_conversion' in price ? picos(price.unit_conversion?.divide_by ?? '1') : 10n ** 12n
  return convertedEdges(price).map((edge) => (edge * by) / 10n ** 12n)
}

function convertedEdges(price: Price): bigint[] {
  const free = 'free_units' in price ? picos(price.free_units ?? '0') : 0n
  if ('tiers' in price) return price.tiers.map((tier) => free + picos(tier.up_to ?? '0'))
  if (price.model === 'percentage') return [picos(price.free_amount ?? '0')]
  return price.model === 'package' ? [free, free + picos(price.package_size)] : [free]
}

const edgeOf = (price: Price) =>
  fc
    .tuple(fc.constantFrom(...edgesOf(price)), fc.constantFrom(-1n, 0n, 1n))
    .map(([edge, step]) => fromPicos(edge + step < 0n ? 0n : edge + step))
