// What every price may have whatever its model: free units, which come off the quantity first, and a minimum and a maximum,
// which hold for the line before it is rounded.

import { z } from 'zod'
import { type Decimal, decimal, text } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'

/** An amount of money, or of money a unit, in a price: not negative. */
export const amountField = (description: string, example: string) =>
  decimalString({ min: '0' }).meta({ description, example })

const modifierFields = {
  free_units: amountField('Units that cost nothing; the model prices what is above them.', '100').optional(),
  minimum_amount: amountField('The line costs at least this much, at zero usage too.', '5').optional(),
  maximum_amount: amountField('The line costs at most this much.', '500').optional(),
}

type Modifiers = { free_units?: string; minimum_amount?: string; maximum_amount?: string }

/** The schema of a price: `model`, the model's own fields, and those that all models share. */
export const pricedBy = <const Model extends string, Fields extends z.ZodRawShape>(
  model: Model,
  fields: Fields,
) =>
  knownFields(`A ${model} price`, { model: z.literal(model), ...fields, ...modifierFields }).superRefine(
    (price, context) => {
      const { minimum_amount: minimum, maximum_amount: maximum } = price as Modifiers
      if (minimum === undefined || maximum === undefined || decimal(minimum).lte(maximum)) return
      context.addIssue({
        code: 'custom',
        path: ['maximum_amount'],
        message: `must be ${minimum} or more, because minimum_amount is ${minimum}`,
      })
    },
  )

export const freeUnitsRowSchema = z
  .object({
    kind: z.literal('free_units'),
    free_units: decimalOutput().meta({ description: 'Units the price gives free.', example: '100' }),
    quantity: decimalOutput().meta({ description: 'How many of them were used.', example: '100' }),
    amount: decimalOutput().meta({ description: 'Always 0.', example: '0' }),
  })
  .meta({ id: 'FreeUnitsRow', description: 'Units that cost nothing.' })

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

/** Takes the free units off: what is left to price, and the row that says so if the price has any. `quantity` ≥ 0. */
export function takeFreeUnits(price: Modifiers, quantity: Decimal) {
  const free = decimal(price.free_units ?? '0')
  if (free.eq('0')) return { rows: [], remainder: quantity }
  const used = quantity.lt(free) ? quantity : free
  const row: z.output<typeof freeUnitsRowSchema> = {
    kind: 'free_units',
    free_units: text(free),
    quantity: text(used),
    amount: '0',
  }
  return { rows: [row], remainder: quantity.minus(used) }
}

/** The row that brings `amount` up to the minimum or down to the maximum, if it is outside them. */
export function boundAmount(price: Modifiers, amount: Decimal) {
  const minimum = decimal(price.minimum_amount ?? '0')
  if (amount.lt(minimum)) return [adjustment('minimum_amount', minimum, minimum.minus(amount))]
  if (price.maximum_amount === undefined) return []
  const maximum = decimal(price.maximum_amount)
  return amount.gt(maximum) ? [adjustment('maximum_amount', maximum, maximum.minus(amount))] : []
}

function adjustment(kind: 'minimum_amount' | 'maximum_amount', bound: Decimal, amount: Decimal) {
  const row = { kind, [kind]: text(bound), amount: text(amount) }
  return row as z.output<typeof minimumRowSchema> | z.output<typeof maximumRowSchema>
}
