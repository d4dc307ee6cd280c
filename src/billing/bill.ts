// A bill: what a customer's usage in a period costs by its plan. Pure: it gets every fact and looks nothing up.

import { z } from 'zod'
import { roundedAmount } from '../kernel/currency.ts'
import { type Decimal, decimal, sum, text, zero } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { type Aggregation, aggregations } from '../metering/meter.ts'
import { type Price, priceSchema } from '../pricing/price.ts'
import { rate } from '../pricing/rate.ts'
import { ratedFields } from '../pricing/rated.ts'
import type { Plan } from './plan.ts'

export type MeterFacts = { key: string; name: string | null; aggregation: Aggregation }
/** `settledQuantity`: what of it Postgres already has. */
export type MeterUsage = { quantity: Decimal; settledQuantity: Decimal }

export type BillFacts = {
  customerId: string
  /** [start, end); `key`: its name, such as 2026-11 */
  period: { start: Date; end: Date; key?: string | undefined }
  plan: Plan | null
  /** ISO 4217; of the bill where there is no plan. Where there is one, its own currency is the bill's. */
  currency: string
  /** The instant that the bill is exact for. */
  asOf: Date
  meters: readonly MeterFacts[]
  /** by meter key; a meter that isn't in it was not used */
  usage: ReadonlyMap<string, MeterUsage>
}

const unused: MeterUsage = { quantity: zero, settledQuantity: zero }

const instant = (example: string) => z.iso.datetime().meta({ example })
const quantity = (description: string, example: string) => decimalOutput().meta({ description, example })

export const billLineSchema = z
  .object({
    meter: z.string().meta({ example: 'api_calls' }),
    name: z.string().nullable().meta({ example: 'API calls' }),
    aggregation: z
      .enum(aggregations)
      .nullable()
      .meta({ description: 'null: there is no such meter.', example: 'sum' }),
    quantity: quantity('The usage of the period, exact at `as_of`.', '1500'),
    settled_quantity: quantity('What of it is settled in Postgres.', '1380'),
    live_quantity: quantity('What is still counted in Redis: quantity − settled_quantity.', '120'),
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
    as_of: instant('2026-11-22T10:15:30.000Z'),
  })
  .meta({ id: 'Bill' })

export type BillLine = z.output<typeof billLineSchema>
export type Bill = z.output<typeof billSchema>

/**
 * A line for every meter that the plan prices, in the plan's order, at zero usage too: flat and minimum amounts are due
 * then. After them, by key, a line for every other meter that was used: its amount is zero, and it says `unpriced`.
 */
export function computeBill(facts: BillFacts): Bill {
  const currency = facts.plan?.currency ?? facts.currency
  const prices = facts.plan?.prices ?? []
  const priced = new Set(prices.map(({ meter }) => meter))
  const meters = new Map(facts.meters.map((meter) => [meter.key, meter]))
  const lineOf = (key: string, price: Price | null): BillLine =>
    billLine(key, meters.get(key), facts.usage.get(key) ?? unused, price, currency)

  const lines = [
    ...prices.map(({ meter, price }) => lineOf(meter, price)),
    ...usedMeters(facts.usage)
      .filter((key) => !priced.has(key))
      .map((key) => lineOf(key, null)),
  ]
  return {
    customer_id: facts.customerId,
    period: {
      ...(facts.period.key === undefined ? {} : { key: facts.period.key }),
      start: facts.period.start.toISOString(),
      end: facts.period.end.toISOString(),
    },
    currency,
    plan: facts.plan?.key ?? null,
    lines,
    // The amounts are whole minor units already: this adds the decimals of the currency, and rounds nothing.
    total: roundedAmount(sum(lines.map((line) => decimal(line.amount))), currency),
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
  usage: MeterUsage,
  price: Price | null,
  currency: string,
): BillLine {
  const rated =
    price === null
      ? { amount: roundedAmount(zero, currency), unrounded_amount: '0', breakdown: [] }
      : rate(price, usage.quantity, currency)
  return {
    meter: key,
    name: meter?.name ?? null,
    aggregation: meter?.aggregation ?? null,
    quantity: text(usage.quantity),
    settled_quantity: text(usage.settledQuantity),
    live_quantity: text(usage.quantity.minus(usage.settledQuantity)),
    price,
    unpriced: price === null,
    ...rated,
  }
}
