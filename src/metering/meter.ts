// A meter says how the events of one resource type become a number.

import { TollgateError } from '../kernel/errors.ts'
import { HOUR_MS } from '../kernel/time.ts'
import type { FilterTerm } from './filter.ts'
import type { Placement } from './placement/placement.ts'

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
  /** null: it was never revised */
  revision: Revision | null
  createdAt: Date
  archivedAt: Date | null
}

/**
 * One way of counting of a meter that has had several, each under an id of its own (revision.ts).
 *   filling    it counts what comes, and is filled from the log; nothing is read from it yet
 *   current    hours from `fromMs` on are read from it
 *   replaced   hours in [fromMs, toMs) are; there may be none
 *   cancelled  none ever was
 */
export const revisionStates = ['filling', 'current', 'replaced', 'cancelled'] as const
export type RevisionState = (typeof revisionStates)[number]

export type Revision = {
  /** 0: as the meter was made */
  number: number
  state: RevisionState
  /** -Infinity: from the beginning */
  fromMs: number
  /** null: without end */
  toMs: number | null
  /** It was replaced so long ago that nobody reads hours from `toMs` on from it any more: it does not count them either. */
  isRetired: boolean
  /** `countsFromMs` of the meter as it was made */
  meterCountsFromMs: number | null
  switchedAt: Date | null
}

/** From when on the meter counts, whatever its revisions are. */
export const meterCountsFromMs = ({ revision, countsFromMs }: Meter): number | null =>
  revision === null ? countsFromMs : revision.meterCountsFromMs

/** What the hot path knows of a tenant. It is cached; `version` tells whether it is still what Postgres has. */
export type TenantConfig = {
  tenantId: string
  /** IANA name, such as Asia/Kolkata */
  timezone: string
  /** ISO 4217 */
  currency: string
  unmetered: Unmetered
  /** how long an event's id is known at least; null: as long as the server says */
  dedupeWindowHours: number | null
  version: number
  /** where its counters are, if that came along; null: it was never placed */
  placement?: Placement | null
  /** all of them, archived ones too, as they count now */
  meters: Meter[]
  /** Of some of them, other ways of counting: those that were replaced, and those that are being filled. */
  revisions: Meter[]
}

/** All that count, or have counted: by id there is one of each. */
export const countingMeters = ({ meters, revisions }: TenantConfig): Meter[] =>
  revisions.length === 0 ? meters : [...meters, ...revisions]

/** null: as long as the server says */
export const dedupeWindowMs = ({ dedupeWindowHours: hours }: TenantConfig): number | null =>
  hours === null ? null : hours * HOUR_MS

/** Found once a configuration and type, not for every event: the hot path asks. */
const feeding = new WeakMap<TenantConfig, Map<string, Meter[]>>()

export function activeMeters(config: TenantConfig, resourceType: string): Meter[] {
  let ofType = feeding.get(config)
  if (ofType === undefined) {
    ofType = Map.groupBy(
      countingMeters(config).filter((meter) => meter.archivedAt === null),
      (meter) => meter.resourceType,
    )
    feeding.set(config, ofType)
  }
  return ofType.get(resourceType) ?? []
}

export function meterNamed(config: TenantConfig, key: string): Meter {
  const meter = config.meters.find((one) => one.key === key)
  if (meter) return meter
  throw noMeter(key)
}

export const noMeter = (key: string): TollgateError =>
  new TollgateError('not_found', `There is no meter ${JSON.stringify(key)}. GET /api/v1/meters lists yours.`)
