// unit_conversion: usage is counted in one unit and priced in another, such as bytes and GiB. It comes before all else, so
// free units, tiers and packages are in the unit that is priced.

import { z } from 'zod'
import {
  type Decimal,
  decimal,
  quotient,
  quotientRoundedDown,
  quotientRoundedUp,
  text,
} from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'

/**
 * Decimals that a quotient which isn't rounded may have: so many that bytes in TiB are exact. One that has no end, as 1 / 3,
 * is rounded up at the last of them: cut off, three thirds would cost less than one, and just miss a half cent that is due.
 */
export const CONVERTED_DECIMALS = 40

const roundings = {
  up: (quantity: Decimal, by: Decimal) => quotientRoundedUp(quantity, by),
  down: quotientRoundedDown,
  nearest: (quantity: Decimal, by: Decimal) => quotient(quantity, by, 0),
  none: (quantity: Decimal, by: Decimal) => quotientRoundedUp(quantity, by, CONVERTED_DECIMALS),
}
type Rounding = keyof typeof roundings
const names = Object.keys(roundings) as [Rounding, ...Rounding[]]

const dividedBy = decimalString({ above: '0' }).meta({
  description: 'Counted units in one unit that is priced.',
  example: '1024',
})
const roundField = z.enum(names, { error: `must be one of ${names.join(', ')}` }).meta({
  'x-name': 'UnitRounding',
  description: `How the quotient becomes whole units; \`nearest\` rounds a half up, \`none\` keeps the fraction (to ${CONVERTED_DECIMALS} decimals).`,
  example: 'up',
})

export const unitConversionField = knownFields('A unit conversion', {
  divide_by: dividedBy,
  round: roundField,
}).meta({
  id: 'UnitConversion',
  description: 'Comes first: what follows is in the converted unit.',
  example: { divide_by: '1024', round: 'up' },
})

type UnitConversion = z.output<typeof unitConversionField>

export const unitConversionRowSchema = z
  .object({
    kind: z.literal('unit_conversion'),
    quantity_before: decimalOutput().meta({ description: 'As it was counted.', example: '1500' }),
    divide_by: decimalOutput().meta({ example: '1024' }),
    round: roundField,
    quantity_after: decimalOutput().meta({
      description: 'What the following rows are about.',
      example: '2',
    }),
    amount: decimalOutput().meta({ description: 'Always 0.', example: '0' }),
  })
  .meta({ id: 'UnitConversionRow', description: 'quantity_before / divide_by, rounded, is quantity_after.' })

/** The quantity in the unit that is priced, and the row that says so if the price converts. `quantity` ≥ 0. */
export function convertUnits(conversion: UnitConversion | undefined, quantity: Decimal) {
  if (conversion === undefined) return { rows: [], converted: quantity }
  const converted = roundings[conversion.round](quantity, decimal(conversion.divide_by))
  const row: z.output<typeof unitConversionRowSchema> = {
    kind: 'unit_conversion',
    quantity_before: text(quantity),
    ...conversion,
    quantity_after: text(converted),
    amount: '0',
  }
  return { rows: [row], converted }
}
