// Reading usage in windows that are the same for all customers, exact at this instant.

import type { Decimal } from '../kernel/decimal.ts'
import { TollgateError } from '../kernel/errors.ts'
import { compareUtf8 } from '../kernel/page.ts'
import { quantitiesOf } from './aggregate.ts'
import { liveWith } from './history.ts'
import { ROWS_PER_READ } from './limits.ts'
import { type Meter, meterNamed, type TenantConfig } from './meter.ts'
import type { RevisedHours, Totals } from './ports.ts'
import { type ReadServices, readLive } from './read-live.ts'
import { groupPosition, piecesOf, readMeters } from './revision.ts'
import { pieceDays } from './span-days.ts'

export type UsageQuery = {
  customerIds: string[]
  /** a meter's key; null: all */
  meter: string | null
  /** ascending instants at bucket boundaries; window i is [boundariesMs[i], boundariesMs[i + 1]) */
  boundariesMs: number[]
  /** entries of the meter's group_by to keep apart, each or several with commas between them; only with `meter` */
  groupBy: string[]
  /** Whether history counts, too: not in what is billed. */
  history?: boolean
}

export type UsageQuantity = {
  customerId: string
  meter: Meter
  window: number
  /** by property; null where the event had none */
  group: Record<string, string | null>
  quantity: Decimal
  /** what of it Postgres has; the rest is still live */
  settledQuantity: Decimal
}

/** By customer, and then in the order of the meters' keys. `incomplete`: keys of those, of what was asked for, that are being filled. The configuration that the read was made with comes along: it is at least as new as the counters. */
export async function readUsage(
  services: ReadServices,
  tenant: TenantConfig,
  query: UsageQuery,
): Promise<{ config: TenantConfig; quantities: UsageQuantity[]; incomplete: ReadonlySet<string> }> {
  const { history = false } = query
  const { config, live, incomplete } = await readLive(services, tenant, query.customerIds)
  const meters = query.meter === null ? config.meters : [meterNamed(config, query.meter)]
  const groupBy = entriesOf(meters[0], query.groupBy)
  const groupPositions = groupBy.map((property) => positionOf(meters[0]!, property))
  const revised = revisedHours(config, meters, query, groupBy)
  const read = revised.length === 0 ? meters : readMeters({ ...config, meters })
  const rows = await services.usage.totals(
    {
      tenantId: tenant.tenantId,
      customerIds: query.customerIds,
      meters: read.map(({ id }) => id),
      boundariesMs: query.boundariesMs,
      levelMeters: read.filter((meter) => meter.aggregation === 'weighted_sum').map(({ id }) => id),
      groupPositions,
      history,
      distinct: read.some((meter) => meter.aggregation === 'unique_count'),
      ...(revised.length > 0 && { revised }),
      ...pieceDays(config.timezone, query.boundariesMs, EVER),
    },
    liveWith(live, history),
  )
  if (rows.length > ROWS_PER_READ) throw tooManyRows()
  return {
    config,
    incomplete: keysOf(read, incomplete),
    quantities: quantitiesByRow(rows, new Map(meters.map((meter) => [meter.id, meter])), {
      ...query,
      groupBy,
    }),
  }
}

const revisedHours = (
  config: TenantConfig,
  meters: Meter[],
  { boundariesMs }: UsageQuery,
  groupBy: string[],
): RevisedHours[] =>
  meters
    .filter(({ revision }) => revision !== null)
    .flatMap((meter) =>
      piecesOf(config, meter).map(({ meter: one, fromMs, toMs }) => ({
        ...{ meter: one.id, as: meter.id, fromMs, toMs },
        ...pieceDays(config.timezone, boundariesMs, { fromMs, toMs }),
        groupPositions: groupBy.map((property) => groupPosition(one, property)),
      })),
    )

const EVER = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }

/** `meters`: by id. What Postgres, put back, has forgotten the meter of is left out. */
function quantitiesByRow(found: Totals[], meters: Map<string, Meter>, query: UsageQuery): UsageQuantity[] {
  const keyOf = (row: Totals) => meters.get(row.meter)!.key
  const rows = found
    .filter((row) => meters.has(row.meter))
    .sort((x, y) => compareUtf8(x.customerId, y.customerId) || compareUtf8(keyOf(x), keyOf(y)))
  const series = Map.groupBy(rows, (row) => JSON.stringify([row.customerId, row.meter, row.groups]))
  // A level lasts through windows without counters, too.
  const levels = [...series.values()].filter(
    ([row]) => meters.get(row!.meter)!.aggregation === 'weighted_sum',
  )
  if (levels.length * (query.boundariesMs.length - 1) > ROWS_PER_READ) throw tooManyRows()
  return [...series.values()].flatMap((ofSeries) => {
    const { customerId, meter: id, groups } = ofSeries[0]!
    const meter = meters.get(id)!
    const group = Object.fromEntries(query.groupBy.map((property, i) => [property, groups[i] ?? null]))
    return quantitiesOf(meter.aggregation, ofSeries, query.boundariesMs).map((one) => ({
      customerId,
      meter,
      group,
      ...one,
    }))
  })
}

const keysOf = (meters: Meter[], ids: ReadonlySet<string>): Set<string> =>
  new Set(meters.filter(({ id }) => ids.has(id)).map(({ key }) => key))

const tooManyRows = () =>
  new TollgateError(
    'validation_failed',
    `The answer would have more than ${ROWS_PER_READ} rows: ask for fewer customers, windows or groups.`,
  )

/** What is an entry as a whole, commas and all, is that one. */
const entriesOf = (meter: Meter | undefined, sent: string[]): string[] => [
  ...new Set(sent.flatMap((one) => (meter?.groupBy.includes(one) ? [one] : one.split(',')))),
]

function positionOf(meter: Meter, property: string): number {
  const position = meter.groupBy.indexOf(property)
  if (position >= 0) return position
  const known = meter.groupBy.length === 0 ? 'it keeps no groups' : `it keeps: ${meter.groupBy.join(', ')}`
  throw new TollgateError(
    'validation_failed',
    `The meter ${meter.key} does not group by ${JSON.stringify(property)}; ${known}.`,
    {
      issues: [{ pointer: 'group_by', detail: `is no property that ${meter.key} groups by; ${known}` }],
    },
  )
}
