// A bill: what a customer's usage in a period costs by its plan. Pure: it gets every fact and looks nothing up.

import { z } from 'zod'
import { roundedAmount } from '../kernel/currency.ts'
import { type Decimal, decimal, sum, text, zero } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { type Aggregation, aggregations } from '../metering/meter.ts'
import { priceSchema } from '../pricing/price.ts'
import { ratedFields } from '../pricing/rated.ts'
import { type ChargePart, type PartUsage, partsOf, ratedPart } from './charge.ts'
import type { PlanPrice } from './terms.ts'

export type MeterFacts = { key: string; name: string | null; aggregation: Aggregation }
/** `settledQuantity`: what of it Postgres already has. */
export type MeterUsage = { quantity: Decimal; settledQuantity: Decimal }

export type BillFacts = {
  customerId: string
  /** [start, end); `key`: its name, such as 2026-11 */
  period: { start: Date; end: Date; key?: string | undefined }
  /** what it is priced by: a plan's key, its prices, and their currency */
  plan: { key: string | null; prices: PlanPrice[]; currency: string }
  /** The instant that the bill is exact for. */
  asOf: Date
  meters: readonly MeterFacts[]
  /** by meter key; a meter that isn't in it was not used */
  usage: ReadonlyMap<string, MeterUsage>
  /** of meters whose groups are priced apart, or whose events count: their parts, in the order of `partsOf` */
  parts: ReadonlyMap<string, PartUsage[]>
  /** keys of meters that are being filled */
  incomplete?: ReadonlySet<string>
}

const unused: PartUsage = { quantity: zero, settledQuantity: zero, events: zero }

const instant = (example: string) => z.iso.datetime().meta({ example })
const quantity = (description: string, example: string) => decimalOutput().meta({ description, example })

export const billLineSchema = z
  .object({
    meter: z.string().meta({ example: 'api_calls' }),
    name: z.string().nullable().meta({ example: 'API calls' }),
    aggregation: z
      .enum(aggregations)
      .nullable()
      .meta({ 'x-name': 'Aggregation', description: 'null: there is no such meter.', example: 'sum' }),
    quantity: quantity('The usage of the period, exact at `as_of`.', '1500'),
    settled_quantity: quantity('What of it is settled in Postgres.', '1380'),
    live_quantity: quantity('What is still counted in Redis: quantity − settled_quantity.', '120'),
    match: z.record(z.string(), z.string().nullable()).nullable().meta({
      description: 'The groups that this price is for; null: all, or those that no other price is for.',
      example: null,
    }),
    price: priceSchema.nullable().meta({ description: 'null: the plan has no price for this meter.' }),
    unpriced: z.boolean().meta({
      description: 'Used, but the plan has no price for it: not free, but forgotten.',
      example: false,
    }),
    ...ratedFields,
  })
  .meta({ id: 'BillLine' })

export const billSchema = z
  .object({
    customer_id: z.string().meta({ example: 'cus_42' }),
    period: z.object({
      key: z.string().optional().meta({ description: 'The name of the period.', example: '2026-11' }),
      start: instant('2026-11-01T00:00:00.000Z'),
      end: instant('2026-12-01T00:00:00.000Z').meta({ description: 'The first instant after the period.' }),
    }),
    currency: z.string().meta({ description: 'ISO 4217 code.', example: 'USD' }),
    plan: z.string().nullable().meta({ description: "The plan's key.", example: 'pro' }),
    lines: z.array(billLineSchema),
    total: decimalOutput().meta({ description: 'The sum of the amounts of the lines.', example: '12.50' }),
    incomplete: z.boolean().meta({
      description:
        'A meter in it, or that the plan prices, is being filled from the event log (its `filling`): usage may still come that was accepted before.',
      example: false,
    }),
    as_of: instant('2026-11-22T10:15:30.000Z'),
  })
  .meta({ id: 'Bill' })

export type BillLine = z.output<typeof billLineSchema>
export type Bill = z.output<typeof billSchema>

/**
 * A line for every price of the plan, in its order, at zero usage too: flat and minimum amounts are due then. Where groups
 * have prices of their own, what is left without one is a line if it was used. After them, by key, a line for every other
 * meter that was used: its amount is zero, and it says `unpriced`.
 */
export function computeBill(facts: BillFacts): Bill {
  const { currency, prices } = facts.plan
  const priced = new Set(prices.map(({ meter }) => meter))
  const meters = new Map(facts.meters.map((meter) => [meter.key, meter]))
  const lines = [
    ...prices.flatMap((price) => {
      const { meter: key } = price
      const parts = facts.parts.get(key) ?? [{ ...unused, ...facts.usage.get(key) }]
      return partsOf(price).flatMap((part, i) =>
        part.price === null && parts[i]!.quantity.eq('0')
          ? []
          : [billLine(key, meters.get(key), part, parts[i]!, currency)],
      )
    }),
    ...usedMeters(facts.usage)
      .filter((key) => !priced.has(key))
      .map((key) => {
        const used = { ...unused, ...facts.usage.get(key) }
        return billLine(key, meters.get(key), { match: null, price: null }, used, currency)
      }),
  ]
  return {
    customer_id: facts.customerId,
    period: {
      ...(facts.period.key === undefined ? {} : { key: facts.period.key }),
      start: facts.period.start.toISOString(),
      end: facts.period.end.toISOString(),
    },
    currency,
    plan: facts.plan.key,
    lines,
    // The amounts are whole minor units already: this adds the decimals of the currency, and rounds nothing.
    total: roundedAmount(sum(lines.map((line) => decimal(line.amount))), currency),
    incomplete: lines.some(({ meter }) => facts.incomplete?.has(meter)),
    as_of: facts.asOf.toISOString(),
  }
}

/**
 * Keys of the meters with usage, in order. Nothing used, or as much taken back as was used, is no usage, wherever it is: a
 * bill must not change when usage settles.
 */
const usedMeters = (usage: BillFacts['usage']): string[] =>
  [...usage]
    .filter(([, { quantity }]) => !quantity.eq('0'))
    .map(([key]) => key)
    .sort()

function billLine(
  key: string,
  meter: MeterFacts | undefined,
  { match, price }: ChargePart,
  { quantity, settledQuantity, events }: PartUsage,
  currency: string,
): BillLine {
  return {
    meter: key,
    name: meter?.name ?? null,
    aggregation: meter?.aggregation ?? null,
    quantity: text(quantity),
    settled_quantity: text(settledQuantity),
    live_quantity: text(quantity.minus(settledQuantity)),
    match,
    price,
    unpriced: price === null,
    ...ratedPart(price, { quantity, events }, currency),
  }
}
