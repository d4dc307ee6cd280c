// What a price model is: the fields that it takes, and what a quantity costs by them. README.md says how to add one.

import type { z } from 'zod'
import type { Decimal } from '../kernel/decimal.ts'

export type PriceModel<Price extends z.ZodType, Row extends z.ZodType> = {
  /** The price as JSON. Made with `pricedBy`, so that it has the fields that all models share. */
  schema: Price
  /** The rows of the explanation. Each has a `kind` of its own, the first of them the model's name, and an `amount`. */
  rowSchemas: readonly [Row, ...Row[]]
  /**
   * What `quantity`, in `events` events, costs: rows whose amounts add up to it, exact and unrounded, and whose quantities
   * add up to `quantity`. Both are ≥ 0, and free units are already off; discount, minimum and maximum come later. At zero
   * usage too there is at least one row.
   */
  charge: (price: z.output<Price>, quantity: Decimal, events: Decimal) => z.output<Row>[]
}

export const priceModel = <Price extends z.ZodType, Row extends z.ZodType>(model: PriceModel<Price, Row>) =>
  model
