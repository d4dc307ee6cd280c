// What a price would make of a quantity, before it is put into a plan.

import { z } from 'zod'
import { currencySchema } from '../kernel/currency.ts'
import { decimal, zero } from '../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../kernel/decimal-schema.ts'
import { knownFields } from '../kernel/object-schema.ts'
import { countField } from './fields.ts'
import { priceSchema } from './price.ts'
import { rate } from './rate.ts'
import { ratedFields } from './rated.ts'

export const previewSchema = knownFields('A preview', {
  currency: currencySchema,
  price: priceSchema,
  quantity: decimalString({ min: '0' }).meta({ description: 'The usage to price.', example: '1500' }),
  events: countField(
    'How many events the quantity is of, for a price with an amount for each. Omitted: 0.',
    '12',
  ).optional(),
}).meta({ id: 'PricePreviewInput' })

export const previewResultSchema = z
  .object({
    currency: currencySchema,
    quantity: decimalOutput().meta({ example: '1500' }),
    events: decimalOutput().optional().meta({ description: 'If they were given.', example: '12' }),
    ...ratedFields,
  })
  .meta({ id: 'PricePreview' })

export type PreviewInput = z.output<typeof previewSchema>
export type PreviewResult = z.output<typeof previewResultSchema>

export const previewPrice = ({ currency, price, quantity, events }: PreviewInput): PreviewResult => ({
  currency,
  quantity,
  ...(events !== undefined && { events }),
  ...rate(price, decimal(quantity), currency, events === undefined ? zero : decimal(events)),
})
