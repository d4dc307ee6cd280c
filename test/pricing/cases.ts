// How a table of cases is checked: the price is what the API would have let through, the amounts are worked out by hand.

import { expect, test } from 'vitest'
import { decimal } from '../../src/kernel/decimal.ts'
import { type Price, priceSchema } from '../../src/pricing/price.ts'
import { rate } from '../../src/pricing/rate.ts'

/** quantity, amount, exact amount, number of events */
export type Case = [quantity: string, amount: string, unrounded: string, events?: string]

export function costs(name: string, price: Price, currency: string, cases: Case[]): void {
  test.each(cases)(
    `${name}: %s costs ${currency} %s (exactly %s)`,
    (quantity, amount, unrounded, events = '0') => {
      const rated = rate(priceSchema.parse(price), decimal(quantity), currency, decimal(events))
      expect([rated.amount, rated.unrounded_amount]).toEqual([amount, unrounded])
    },
  )
}
