// What every tenant of a simulation has set up: meters of all aggregations over two resource types. Each type has one sum
// meter whose events carry powers of ten, so that the digits of its total say how often each single event was counted.

import fc from 'fast-check'
import type { IdLayout } from '../../src/metering/limits.ts'
import type { Aggregation } from '../../src/metering/meter.ts'
import type { NewMeter } from '../../src/metering/meter-input.ts'
import { meterId } from '../support/metering.ts'
import { START_MS } from './random.ts'

export type Kind = 'call' | 'gauge'
export const kinds = ['call', 'gauge'] as const

export const digitsMeter: Record<Kind, string> = { call: 'call_digits', gauge: 'gauge_digits' }

/** A type whose events no meter counts. */
export const IDLE = 'idle'

const meter = (
  key: string,
  resourceType: Kind | typeof IDLE,
  aggregation: Aggregation,
  value = 'quantity',
  more: Partial<Pick<NewMeter, 'groupBy' | 'missing' | 'filter'>> = {},
): NewMeter => ({
  ...{ id: meterId(key), key, name: null, resourceType, aggregation, value },
  ...{ groupBy: [], missing: 'refuse', filter: [], countsFromMs: null, ...more },
})

/** Where an event says whose it is. */
export const USER_PATH = '$.in.user.name'
/** It leaves out the events that aren't rated: those of some users. */
export const SKIPPING_METER = 'call_mean'
export const isRated = (user: string): boolean => user !== 'u0' && user !== 'u3'

/** It counts what is half a unit at least. */
export const PICKY_METER = 'call_min'

export const baseMeters: NewMeter[] = [
  meter('call_digits', 'call', 'sum'),
  meter('call_count', 'call', 'count'),
  meter(PICKY_METER, 'call', 'min', 'v', { filter: [{ property: 'in.v', op: 'gte', value: '0.5' }] }),
  meter('call_max', 'call', 'max', "$['in'].list[1]"),
  meter(SKIPPING_METER, 'call', 'avg', 'in.rated', { missing: 'skip' }),
  meter('call_users', 'call', 'unique_count', 'in.user.name'),
  meter('call_by_user', 'call', 'sum', 'quantity', { groupBy: [USER_PATH] }),
  meter('gauge_digits', 'gauge', 'sum'),
  meter('gauge_level', 'gauge', 'weighted_sum', 'change'),
  meter('gauge_last', 'gauge', 'latest', 'v'),
  // Of what no meter counts, and the log has all the same.
  meter('idle_none', IDLE, 'count', 'quantity', {
    filter: [{ property: 'counts', op: 'exists', value: true }],
  }),
]

const ADDING: Aggregation[] = ['sum', 'count', 'avg', 'weighted_sum']
/** Those that the tenants of a schedule have. */
export const metersOf = ({ onlyAdding }: Pick<Setup, 'onlyAdding'>): NewMeter[] =>
  baseMeters.filter(({ aggregation }) => !onlyAdding || ADDING.includes(aggregation))

/** A meter made in the middle of a schedule; it counts the same digits as its type's own. */
export const extraMeter = (n: number): Omit<NewMeter, 'id'> => meter(`extra_${n}`, 'call', 'sum', 'd')
export const EXTRA_METERS = 3
/** Whether it counts what was accepted before it was made, too. */
export const reachesBack = (n: number): boolean => n === EXTRA_METERS - 1

export const DIGITS = 27
/** 10^(n − 12): 15 digits before the point and 12 after it. */
export const digitQuantity = (n: number): string =>
  n < 12 ? `0.${'0'.repeat(11 - n)}1` : `1${'0'.repeat(n - 12)}`

const HOUR_MS = 3_600_000
const quarter = (timezone: string) => (timezone === 'Asia/Kathmandu' ? HOUR_MS / 4 : 0)
/** The hour of the tenant's zone that this instant is in. */
export const hourOfTenant = (timezone: string, ms: number): number =>
  Math.floor((ms - quarter(timezone)) / HOUR_MS) * HOUR_MS + quarter(timezone)

/** Everything that a schedule sends happens in here; the ends are bucket boundaries of the tenant's zone. */
export const periodOfTenant = (timezone: string): [fromMs: number, toMs: number] => {
  const midnight = Math.floor(START_MS / (24 * HOUR_MS)) * 24 * HOUR_MS
  return [midnight - 3 * 24 * HOUR_MS + quarter(timezone), midnight + 40 * 24 * HOUR_MS + quarter(timezone)]
}

export const timezones = ['UTC', 'Asia/Kathmandu', 'America/New_York'] as const

/** Some begin like others. */
export const customerIds = [
  'c',
  'c1',
  'c10',
  'c2',
  'd',
  'd:1',
  ...Array.from({ length: 394 }, (_, n) => `e${n}`),
]

/** What a schedule begins with. */
export const setupArbitrary = fc.record({
  /** clocks of the isolates, ms off */
  skewsMs: fc.array(fc.integer({ min: -180_000, max: 180_000 }), { minLength: 2, maxLength: 4 }),
  /** how often an isolate's Redis client sends a command again by itself */
  resends: fc.constantFrom(0, 0, 1, 2),
  tenants: fc.array(fc.constantFrom(...timezones), { minLength: 1, maxLength: 3 }),
  customers: fc.constantFrom(1, 2, 3, 3, 6, 40, 400),
  partitions: fc.constantFrom(1, 1, 2),
  /** as on Node: calls that arrive at once go in one */
  coalesce: fc.boolean(),
  segmentMaxCounters: fc.constantFrom(10_000, 60, 12),
  segmentsPerFlush: fc.constantFrom(15, 3, 1),
  /** ids in a hash at most */
  dedupeMaxIds: fc.constantFrom(1_000_000, 6, 2),
  /** or texts of about so many, as fields of a hash or as keys of their own */
  dedupeTexts: fc.constantFrom<IdLayout | null>(
    null,
    { kind: 'packed', ids: 10 },
    { kind: 'packed', ids: 1 },
    { kind: 'buckets', ids: 24 },
    { kind: 'buckets', ids: 1 },
  ),
  backlogMaxCounters: fc.constantFrom(1_000_000, 1_000_000, 120),
  /** which store may lose what it had; where none does, everything is checked most strictly */
  goesBack: fc.constantFrom('none', 'redis', 'postgres', 'both'),
  /** how many slots the isolates share; with 16 each has its own */
  slots: fc.constantFrom(16, 16, 2),
  fullAtTheEnd: fc.constantFrom(false, false, true),
  /** only meters whose counters add up: then nothing but the ledger tells that an act was computed on another one */
  onlyAdding: fc.constantFrom(false, false, true),
  /** whether there are meters that are revised */
  revised: fc.constantFrom(false, false, true),
})
export type Setup = typeof setupArbitrary extends fc.Arbitrary<infer T> ? T : never
