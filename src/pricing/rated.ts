// What rating answers: an amount, and the rows that explain it. The amounts of the rows add up to `unrounded_amount`, and
// their quantities to the quantity that was rated, after its conversion if there is one.

import { z } from 'zod'
import { decimalOutput } from '../kernel/decimal-schema.ts'
import { maximumRowSchema, minimumRowSchema } from './bounds.ts'
import { discountRowSchema } from './discount.ts'
import { freeUnitsRowSchema } from './free-units.ts'
import { priceModels } from './price.ts'
import { unitConversionRowSchema } from './unit-conversion.ts'

type ModelRow = (typeof priceModels)[keyof typeof priceModels]['rowSchemas'][number]
const modelRows = Object.values(priceModels).flatMap(({ rowSchemas }): readonly ModelRow[] => rowSchemas)

export const breakdownRowSchema = z
  .discriminatedUnion('kind', [
    unitConversionRowSchema,
    freeUnitsRowSchema,
    ...modelRows,
    discountRowSchema,
    maximumRowSchema,
    minimumRowSchema,
  ])
  .meta({ id: 'BreakdownRow', description: 'One step of how an amount came about; `kind` says which.' })

export const ratedFields = {
  amount: decimalOutput().meta({
    description: "Rounded half away from zero to the currency's minor unit, once.",
    example: '1.20',
  }),
  unrounded_amount: decimalOutput().meta({
    description: 'Exact, as it was before rounding.',
    example: '1.2',
  }),
  breakdown: z
    .array(breakdownRowSchema)
    .meta({ description: 'Rows whose amounts add up to unrounded_amount.' }),
}

export const ratedSchema = z.object(ratedFields).meta({ id: 'Rated' })

export type BreakdownRow = z.output<typeof breakdownRowSchema>
export type Rated = z.output<typeof ratedSchema>
