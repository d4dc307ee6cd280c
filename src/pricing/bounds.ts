// minimum_amount and maximum_amount: they come last, and hold for the line before it is rounded. The maximum is never below
// the minimum (`pricedBy` checks it), so one of them at most has anything to do, and their order makes no difference.

import { z } from 'zod'
import { type Decimal, decimal, text } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { amountField } from './fields.ts'

export const minimumField = amountField('The line costs at least this much, at zero usage too.', '5')
export const maximumField = amountField('The line costs at most this much.', '500')

export type Bounds = { minimum_amount?: string | undefined; maximum_amount?: string | undefined }

export const minimumRowSchema = z
  .object({
    kind: z.literal('minimum_amount'),
    minimum_amount: decimalOutput().meta({ example: '5' }),
    amount: decimalOutput().meta({ description: 'What was missing to the minimum.', example: '3.8' }),
  })
  .meta({ id: 'MinimumRow', description: 'The rows above came to less than the minimum: what was added.' })

export const maximumRowSchema = z
  .object({
    kind: z.literal('maximum_amount'),
    maximum_amount: decimalOutput().meta({ example: '500' }),
    amount: decimalOutput().meta({
      description: 'What went beyond the maximum; negative.',
      example: '-12.5',
    }),
  })
  .meta({
    id: 'MaximumRow',
    description: 'The rows above came to more than the maximum: what was taken off.',
  })

type BoundRow = z.output<typeof minimumRowSchema> | z.output<typeof maximumRowSchema>

/** The row that brings `amount` down to the maximum or up to the minimum, if it is outside them. */
export function boundAmount({ minimum_amount, maximum_amount }: Bounds, amount: Decimal): BoundRow[] {
  if (maximum_amount !== undefined && amount.gt(maximum_amount)) {
    const beyond = decimal(maximum_amount).minus(amount)
    return [{ kind: 'maximum_amount', maximum_amount, amount: text(beyond) }]
  }
  if (minimum_amount !== undefined && amount.lt(minimum_amount)) {
    const missing = decimal(minimum_amount).minus(amount)
    return [{ kind: 'minimum_amount', minimum_amount, amount: text(missing) }]
  }
  return []
}
