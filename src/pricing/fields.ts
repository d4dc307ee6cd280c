// The kinds of number that a price is made of.

import { z } from 'zod'
import { decimal } from '../kernel/decimal.ts'
import { decimalString } from '../kernel/decimal-schema.ts'

/** An amount of money, or of money a unit, in a price: not negative. */
export const amountField = (description: string, example: string) =>
  decimalString({ min: '0' }).meta({ description, example })

/** A percentage: "2.9" is 2.9 %. */
export const percentField = (description: string, example: string, max?: string) =>
  decimalString({ min: '0', ...(max !== undefined && { max }) }).meta({ description, example })

/** How many of something that has no halves. */
export const countField = (description: string, example: string) =>
  decimalString({ min: '0' })
    .refine((sent) => decimal(sent).round(0).eq(sent), { error: 'must be a whole number' })
    .meta({ description, example })

export const flatAtZeroField = z.boolean({ error: 'must be true or false' }).meta({
  description:
    'false: no flat amount is due where there is nothing to price: no usage, or only free units. Omitted: true.',
  example: false,
})
