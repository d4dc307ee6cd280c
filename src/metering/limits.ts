// Every bound of metering, by name. What is configurable is in Limits; the rest is fixed.

/** Events in one request. */
export const EVENTS_PER_BATCH = 1_000
/** How old history may be: ten years. */
export const HISTORY_MAX_AGE_MS = 3_653 * 86_400_000
/** Active meters that one resource type can feed. */
export const METERS_PER_RESOURCE_TYPE = 10
/** Meters of one tenant, archived ones too. */
export const METERS_PER_TENANT = 200
/** Revisions of one meter, those that were cancelled, too. */
export const REVISIONS_PER_METER = 20
export const GROUP_BY_PROPERTIES = 5
/** Characters of a property's name, or of the path to it. */
export const PROPERTY_PATH_CHARS = 256
/** Terms of a meter's filter; values in the list of one, and characters of each. */
export const FILTER_TERMS = 10
export const FILTER_VALUES = 100
export const FILTER_VALUE_CHARS = 256
/** UTF-8 bytes of the group values of one counter, as a JSON array: they are part of a Postgres index key. */
export const GROUP_VALUES_BYTES = 1_024
/** Characters of a customer's id, of an event's id, of a resource type. */
export const CUSTOMER_ID_CHARS = 128
export const EVENT_ID_CHARS = 512
export const RESOURCE_TYPE_CHARS = 128
export const PROPERTIES_PER_EVENT = 64
/** Levels of objects and arrays in a property's value. */
export const PROPERTY_DEPTH = 8
/** Digits before the point of a counter's total (an event's quantity: 15). */
export const COUNTER_INTEGER_DIGITS = 24
/** Live counters, of all its customers together, that one read will take from Redis. */
export const LIVE_COUNTERS_PER_READ = 20_000
/** … and characters of their names. */
export const LIVE_CHARS_PER_READ = 2_000_000

/** Rows of one usage answer, and windows that it may be cut into. */
export const ROWS_PER_READ = 20_000
export const WINDOWS_PER_READ = 1_000

/** Of usage of an hour that begins so long after the log does, the log has everything: timestamps may lie ahead of arrival. */
export const LOG_SINCE_SLACK_MS = 300_000

/** Bytes of counters that a byte of the log takes the room of, in a segment: it leaves compressed, in statements of its own. */
export const LOG_BYTE_WEIGHT = 0.25

/** A tenant's own window of event ids, at most: as far back as an event's timestamp may lie. */
export const DEDUPE_WINDOW_HOURS_MOST = 24 * 35
/** … and at least. */
export const SHORTEST_DEDUPE_WINDOW_MS = 3_600_000
/**
 * How a store keeps event ids (stores/redis/scripts/ids.ts), and `ids`: of how many. In one hash, an id a field, no more than so many; in the fields
 * of a hash, or in keys of their own, about so many each.
 */
export type IdLayout = { kind: 'hash' | 'packed' | 'buckets'; ids: number }
export const idLayouts = {
  /** within this process, where a command costs what the data it copies does */
  embedded: { kind: 'hash', ids: Number.POSITIVE_INFINITY },
  /** a server of one's own, paid by its memory and its processor */
  server: { kind: 'packed', ids: 12 },
  /** paid by the command, however many keys it has, and bounded in what one record holds */
  upstash: { kind: 'buckets', ids: 24 },
} as const satisfies Record<string, IdLayout>
/** Calls that forget old ids, in one flush: each takes some 5,000 buckets. */
export const FORGETS_PER_FLUSH = 5

export type Limits = {
  /** Record writes only to an open segment younger than this. Infinity where the counters can't come back from the past. */
  segmentMaxAgeMs: number
  /** Settle waits until a segment is at least this old: segmentMaxAgeMs and a slack. 0 where it needs no fence. */
  settleAfterMs: number
  /**
   * A segment is sealed at so many counters, or bytes of counters. Quotes in group values grow fourfold on their way to
   * Postgres, as JSON within JSON: so many bytes stay below 8 MB in one statement.
   */
  segmentMaxCounters: number
  segmentMaxBytes: number
  /** Unsettled counters of a partition, and one tenant's share of them; above, new counters are answered 503. */
  backlogMaxCounters: number
  backlogMaxCountersPerTenant: number
  /** The same of the log: bytes that wait to be settled. */
  backlogMaxLogBytes: number
  backlogMaxLogBytesPerTenant: number
  /** An event id is known for at least this long. */
  dedupeWindowMs: number
  dedupeLayout: IdLayout
  /** A settled segment's counters are kept for so long, to be offered again should Postgres be put back. */
  keepSettledMs: number
  /** Segments that one flush settles at most. */
  segmentsPerFlush: number
  /** How far an event's own timestamp may lie back, and ahead. */
  eventMaxAgeMs: number
  eventMaxAheadMs: number
}

export const defaultLimits: Limits = {
  segmentMaxAgeMs: 60_000,
  settleAfterMs: 75_000,
  segmentMaxCounters: 10_000,
  segmentMaxBytes: 1_200_000,
  backlogMaxCounters: 1_000_000,
  backlogMaxCountersPerTenant: 250_000,
  backlogMaxLogBytes: 2_000_000_000,
  backlogMaxLogBytesPerTenant: 500_000_000,
  dedupeWindowMs: 86_400_000,
  dedupeLayout: idLayouts.embedded,
  keepSettledMs: 3_600_000,
  segmentsPerFlush: 15,
  eventMaxAgeMs: 35 * 86_400_000,
  eventMaxAheadMs: 5 * 60_000,
}
