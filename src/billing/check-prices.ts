// Whether prices fit their meters: a group's price asks for properties that the meter groups by, and a price that has an amount
// for each event is of a meter that knows how many there were.

import { type Issue, TollgateError } from '../kernel/errors.ts'
import { knowsEvents } from '../metering/aggregate.ts'
import type { Meter } from '../metering/meter.ts'
import type { MeterStore } from '../metering/meter-store.ts'
import { foreignProperties } from '../pricing/group-price.ts'
import type { Price } from '../pricing/price.ts'
import { countsEvents, needsParts } from './charge.ts'
import type { PlanPrice } from './terms.ts'

export type PriceServices = { catalog: Pick<MeterStore, 'findMeter'> }

/** Throws validation_failed. A meter that there is not is found when the prices are stored. */
export async function checkPrices(
  { catalog }: PriceServices,
  tenantId: string,
  prices: PlanPrice[],
  at = '#/prices',
): Promise<void> {
  const asked = prices.flatMap((price, i) => (needsParts(price) ? [{ price, i }] : []))
  const meters = await Promise.all(asked.map(({ price }) => catalog.findMeter(tenantId, price.meter)))
  const issues = asked.flatMap(({ price, i }, n) =>
    meters[n] ? misfits(price, meters[n], `${at}/${i}`) : [],
  )
  if (issues.length === 0) return
  throw new TollgateError(
    'validation_failed',
    `A price does not fit its meter: ${issues[0]!.pointer} ${issues[0]!.detail}.`,
    {
      issues,
    },
  )
}

function misfits(price: PlanPrice, meter: Meter, at: string): Issue[] {
  const foreign = foreignProperties(price.groups ?? [], meter.groupBy).map(({ index, property, detail }) => ({
    pointer: `${at}/groups/${index}/match/${property}`,
    detail,
  }))
  if (knowsEvents(meter.aggregation)) return foreign
  const eventful = pricesOf(price)
    .filter(({ price }) => countsEvents(price))
    .map(({ pointer }) => ({
      pointer: at + pointer,
      detail: `must have no amount for each event: only sum, count and avg meters know how many events there were, and ${meter.key} is ${meter.aggregation}`,
    }))
  return [...foreign, ...eventful]
}

const pricesOf = ({ price, groups = [] }: PlanPrice): { price: Price; pointer: string }[] => [
  ...(price ? [{ price, pointer: '/price' }] : []),
  ...groups.map((group, i) => ({ price: group.price, pointer: `/groups/${i}/price` })),
]
