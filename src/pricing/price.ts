// A price, and the table of the models that it can have.

import { z } from 'zod'
import { flat } from './flat.ts'
import { graduated } from './graduated.ts'
import { graduatedPercentage } from './graduated-percentage.ts'
import { packages } from './package.ts'
import { perUnit } from './per-unit.ts'
import { percentage } from './percentage.ts'
import { volume } from './volume.ts'

/** Every price model, by the name that it has in the API. A new one is its file and a line here. */
export const priceModels = {
  per_unit: perUnit,
  package: packages,
  graduated,
  volume,
  flat,
  percentage,
  graduated_percentage: graduatedPercentage,
}

type AnyModel = (typeof priceModels)[keyof typeof priceModels]
type AnySchema = AnyModel['schema']
const schemas = Object.values(priceModels).map(({ schema }) => schema) as [AnySchema, ...AnySchema[]]

const names = Object.keys(priceModels).join(', ')

export const priceSchema = z
  .discriminatedUnion('model', schemas, {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? `must be one of ${names}`
        : `must be an object with a model: one of ${names}`,
  })
  .meta({ id: 'Price', description: 'What a meter costs. Amounts are in the currency of the plan.' })

export type Price = z.output<typeof priceSchema>
