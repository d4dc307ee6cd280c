// What a price model is: the fields that it takes, and what a quantity costs by them. To add one, write a file like
// per-unit.ts and name it in the table in price.ts; free units, minimum, maximum and rounding come with it.

import type { z } from 'zod'
import type { Decimal } from '../kernel/decimal.ts'

export type PriceModel<Price extends z.ZodType, Row extends z.ZodType> = {
  /** The price as JSON. Made with `pricedBy`, so that it has the fields that all models share. */
  schema: Price
  /** One row of the explanation; its `kind` is the model's name, and it has an `amount`. */
  rowSchema: Row
  /**
   * What `quantity` costs: rows whose amounts add up to it, exact and unrounded. `quantity` ≥ 0 and free units are
   * already off it; minimum and maximum come later. At zero usage too there is at least one row.
   */
  charge: (price: z.output<Price>, quantity: Decimal) => z.output<Row>[]
}

export const priceModel = <Price extends z.ZodType, Row extends z.ZodType>(model: PriceModel<Price, Row>) =>
  model
