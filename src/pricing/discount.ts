// discount_percent: what the model asks for, less so many percent of it. It comes before the maximum and the minimum, which
// therefore hold for what is paid: a discount never takes a line below its minimum.

import { z } from 'zod'
import { type Decimal, decimal, percentOf, text, zero } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { percentField } from './fields.ts'

export const discountField = percentField(
  'Taken off what the model asks for: "15" is 15 %. The minimum and the maximum hold for what is left.',
  '15',
  '100',
)

export const discountRowSchema = z
  .object({
    kind: z.literal('discount_percent'),
    discount_percent: decimalOutput().meta({ example: '15' }),
    amount: decimalOutput().meta({ description: 'What was taken off; negative, or 0.', example: '-1.8' }),
  })
  .meta({ id: 'DiscountRow', description: 'So many percent of the rows above were taken off.' })

/** The row that takes the discount off `amount`, if the price has one. */
export function discount(percent: string | undefined, amount: Decimal): z.output<typeof discountRowSchema>[] {
  if (percent === undefined || decimal(percent).eq('0')) return []
  const off = zero.minus(percentOf(percent, amount))
  return [{ kind: 'discount_percent', discount_percent: percent, amount: text(off) }]
}
