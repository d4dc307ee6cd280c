// percentage: so many percent of the quantity, which is an amount of money, and a fixed amount for each event.

import { z } from 'zod'
import { type Decimal, percentOf, text } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { amountField, countField, percentField } from './fields.ts'
import { takeOff } from './free-units.ts'
import { priceModel } from './model.ts'
import { pricedBy, quantityModifiers } from './modifiers.ts'

const schema = pricedBy('percentage', {
  rate: percentField('Percent of the quantity: "2.9" is 2.9 %.', '2.9'),
  fixed_amount: amountField('What each event costs besides.', '0.3').optional(),
  free_events: countField('Events that pay no fixed_amount.', '10').optional(),
  free_amount: amountField('Comes off the quantity first.', '1000').optional(),
  unit_conversion: quantityModifiers.unit_conversion,
})
  .refine((price) => price.free_events === undefined || price.fixed_amount !== undefined, {
    path: ['free_events'],
    error: 'must come with fixed_amount: it is what these events do not pay',
  })
  .meta({
    id: 'PercentagePrice',
    description:
      'So many percent of the quantity, which is an amount of money, and a fixed amount for each event.',
    example: { model: 'percentage', rate: '2.9', fixed_amount: '0.3' },
  })

const percentageRowSchema = z
  .object({
    kind: z.literal('percentage'),
    quantity: decimalOutput().meta({ description: 'The amount of money.', example: '200' }),
    rate: decimalOutput().meta({ description: 'In percent.', example: '2.9' }),
    amount: decimalOutput().meta({ description: 'quantity · rate / 100', example: '5.8' }),
  })
  .meta({ id: 'PercentageRow' })

const freeAmountRowSchema = z
  .object({
    kind: z.literal('free_amount'),
    free_amount: decimalOutput().meta({ description: 'What the price leaves free.', example: '1000' }),
    quantity: decimalOutput().meta({ description: 'How much of it was used.', example: '1000' }),
    amount: decimalOutput().meta({ description: 'Always 0.', example: '0' }),
  })
  .meta({ id: 'FreeAmountRow', description: 'Money of which no percentage is taken.' })

const fixedAmountRowSchema = z
  .object({
    kind: z.literal('fixed_amount'),
    events: decimalOutput().meta({ description: 'All of them.', example: '12' }),
    free_events: decimalOutput().meta({ description: 'How many of them were free.', example: '10' }),
    paid_events: decimalOutput().meta({ description: 'events − free_events', example: '2' }),
    fixed_amount: decimalOutput().meta({ example: '0.3' }),
    amount: decimalOutput().meta({ description: 'paid_events · fixed_amount', example: '0.6' }),
  })
  .meta({ id: 'FixedAmountRow', description: 'The fixed amount of each event.' })

type PercentagePrice = z.output<typeof schema>

export const percentage = priceModel<
  typeof schema,
  typeof percentageRowSchema | typeof freeAmountRowSchema | typeof fixedAmountRowSchema
>({
  schema,
  rowSchemas: [percentageRowSchema, freeAmountRowSchema, fixedAmountRowSchema],
  charge: (price, quantity, events) => [...percentOfMoney(price, quantity), ...fixedAmounts(price, events)],
})

function percentOfMoney({ rate, free_amount }: PercentagePrice, quantity: Decimal) {
  const { used, remainder } = takeOff(free_amount, quantity)
  const percent: z.output<typeof percentageRowSchema> = {
    kind: 'percentage',
    quantity: text(remainder),
    rate,
    amount: text(percentOf(rate, remainder)),
  }
  if (used === null) return [percent]
  const free: z.output<typeof freeAmountRowSchema> = {
    kind: 'free_amount',
    free_amount: free_amount!,
    quantity: text(used),
    amount: '0',
  }
  return [free, percent]
}

function fixedAmounts(price: PercentagePrice, events: Decimal): z.output<typeof fixedAmountRowSchema>[] {
  const { fixed_amount, free_events } = price
  if (fixed_amount === undefined) return []
  const { used, remainder } = takeOff(free_events, events)
  const row = {
    kind: 'fixed_amount' as const,
    events: text(events),
    free_events: used === null ? '0' : text(used),
    paid_events: text(remainder),
    fixed_amount,
    amount: text(remainder.times(fixed_amount)),
  }
  return [row]
}
