// free_units: they come off the quantity before the model sees it.

import { z } from 'zod'
import { type Decimal, decimal, text } from '../kernel/decimal.ts'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { amountField } from './fields.ts'

export const freeUnitsField = amountField(
  'Units that cost nothing; the model prices what is above them.',
  '100',
)

export const freeUnitsRowSchema = z
  .object({
    kind: z.literal('free_units'),
    free_units: decimalOutput().meta({ description: 'Units the price gives free.', example: '100' }),
    quantity: decimalOutput().meta({ description: 'How many of them were used.', example: '100' }),
    amount: decimalOutput().meta({ description: 'Always 0.', example: '0' }),
  })
  .meta({ id: 'FreeUnitsRow', description: 'Units that cost nothing.' })

/** Takes the free units off: what is left to price, and the row that says so if the price has any. `quantity` ≥ 0. */
export function takeFreeUnits(freeUnits: string | undefined, quantity: Decimal) {
  const { used, remainder } = takeOff(freeUnits, quantity)
  if (used === null) return { rows: [], remainder }
  const row: z.output<typeof freeUnitsRowSchema> = {
    kind: 'free_units',
    free_units: freeUnits!,
    quantity: text(used),
    amount: '0',
  }
  return { rows: [row], remainder }
}

/** How much of what is free was used, null where nothing is free, and what is left of the quantity. */
export function takeOff(free: string | undefined, quantity: Decimal) {
  if (free === undefined || decimal(free).eq('0')) return { used: null, remainder: quantity }
  const used = quantity.lt(free) ? quantity : decimal(free)
  return { used, remainder: quantity.minus(used) }
}
