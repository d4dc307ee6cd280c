// A meter says how the events of one resource type become a number.

import { TollgateError } from '../kernel/errors.ts'
import type { FilterTerm } from './filter.ts'

export const aggregations = [
  'sum',
  'count',
  'min',
  'max',
  'latest',
  'unique_count',
  'avg',
  'weighted_sum',
] as const
export type Aggregation = (typeof aggregations)[number]

/** What becomes of an event that lacks the property whose value a meter aggregates: refused, or counted by the others only. */
export const missingChoices = ['refuse', 'skip'] as const
export type Missing = (typeof missingChoices)[number]

/** What becomes of an event whose type no active meter takes: refused, or accepted, counted by none and kept in the log. */
export const unmeteredChoices = ['refuse', 'keep'] as const
export type Unmetered = (typeof unmeteredChoices)[number]

export type Meter = {
  /** What its counters are named by: random, and never used again, by no other meter and after no restore. */
  id: string
  /** The tenant's own name for it, for people; never used again for another meaning. */
  key: string
  name: string | null
  resourceType: string
  aggregation: Aggregation
  /** `quantity`, or the property whose value is aggregated, as written: a name or a path (for `count` it has no part). */
  value: string
  /** Properties whose values keep separate counters. */
  groupBy: string[]
  missing: Missing
  /** It counts the events on which all of these hold. */
  filter: FilterTerm[]
  /**
   * It counts events whose own timestamp is this or later, those that were accepted before it was made, too (-Infinity: all that
   * the log has). null: all that are accepted from its creation on, whatever their timestamp.
   */
  countsFromMs: number | null
  createdAt: Date
  archivedAt: Date | null
}

/** What the hot path knows of a tenant. It is cached; `version` tells whether it is still what Postgres has. */
export type TenantConfig = {
  tenantId: string
  /** IANA name, such as Asia/Kolkata */
  timezone: string
  /** ISO 4217 */
  currency: string
  unmetered: Unmetered
  version: number
  /** all of them, archived ones too */
  meters: Meter[]
}

/** Found once a configuration and type, not for every event: the hot path asks. */
const feeding = new WeakMap<TenantConfig, Map<string, Meter[]>>()

export function activeMeters(config: TenantConfig, resourceType: string): Meter[] {
  let ofType = feeding.get(config)
  if (ofType === undefined) {
    ofType = Map.groupBy(
      config.meters.filter((meter) => meter.archivedAt === null),
      (meter) => meter.resourceType,
    )
    feeding.set(config, ofType)
  }
  return ofType.get(resourceType) ?? []
}

export function meterNamed(config: TenantConfig, key: string): Meter {
  const meter = config.meters.find((one) => one.key === key)
  if (meter) return meter
  throw new TollgateError(
    'not_found',
    `There is no meter ${JSON.stringify(key)}. GET /api/v1/meters lists yours.`,
  )
}
