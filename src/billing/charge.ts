// A charge: the usage of one meter, priced. Where a plan prices groups of the meter apart, each has a part of the charge, and
// what no group's price is for is the rest; nothing is counted twice or left out.

import { roundedAmount } from '../kernel/currency.ts'
import { type Decimal, zero } from '../kernel/decimal.ts'
import { mostSpecificFirst } from '../pricing/group-price.ts'
import type { Price } from '../pricing/price.ts'
import { rate } from '../pricing/rate.ts'
import type { Rated } from '../pricing/rated.ts'
import type { Match } from './invoices/invoice.ts'
import type { PlanPrice, Terms } from './terms.ts'

/** `price` null: nothing prices this part. */
export type ChargePart = { match: Match; price: Price | null }

/** The parts in order of precedence (of several that match, the most specific), the rest last: what they match, and what it costs. */
export const partsOf = ({ price, groups = [] }: Omit<PlanPrice, 'meter'>): ChargePart[] => [
  ...mostSpecificFirst(groups).map((group): ChargePart => ({ match: group.match, price: group.price })),
  { match: null, price: price ?? null },
]

/** What the parts but the rest match, in their order. */
export const matchesOf = (price: Omit<PlanPrice, 'meter'>): Exclude<Match, null>[] =>
  partsOf(price).flatMap(({ match }) => (match === null ? [] : [match]))

/** How much of each part was used, in the order of `partsOf`. */
export type PartUsage = { quantity: Decimal; settledQuantity: Decimal; events: Decimal }

/** A plan's prices, with a subscription's own in place of those of the same meter. */
export const chargesOf = ({ prices }: Terms, overrides: PlanPrice[]): PlanPrice[] => {
  const own = new Map(overrides.map((override) => [override.meter, override]))
  return prices.map((price) => own.get(price.meter) ?? price)
}

/** What nothing prices is no gift: its line stands there with its quantity, and says so. */
export const ratedPart = (
  price: Price | null,
  { quantity, events }: Pick<PartUsage, 'quantity' | 'events'>,
  currency: string,
): Rated =>
  price === null
    ? { amount: roundedAmount(zero, currency), unrounded_amount: '0', breakdown: [] }
    : rate(price, quantity, currency, events)

/** Whether the price has an amount for each event. */
export const countsEvents = (price: Price): boolean =>
  price.model === 'percentage' && price.fixed_amount !== undefined

/** Whether it takes more than the meter's quantity to price it: its groups, or its events. */
export const needsParts = ({ price, groups }: PlanPrice): boolean =>
  groups !== undefined || (price !== undefined && countsEvents(price))
