// The two stores that metering needs. A method is one whole atomic operation; nothing of a client or a connection shows.

import type { Counter } from './counter.ts'
import type { LiveLog, LogSpan } from './live-log.ts'
import type { Lists, LoggedCall } from './logged.ts'
import type { TenantConfig } from './meter.ts'
import type { Partition } from './placement/ports.ts'
import type { BlockRow } from './segment-log.ts'
import type {
  CounterName,
  HoursQuery,
  HourTotals,
  SpanTotals,
  Totals,
  TotalsQuery,
  UsageSpan,
} from './usage-query.ts'

export type { LiveLog, LogSpan } from './live-log.ts'
export type { BlockRow, SegmentLog, WrittenLog } from './segment-log.ts'
export type {
  CounterName,
  HoursQuery,
  HourTotals,
  MergedValue,
  RevisedHours,
  SpanTotals,
  Totals,
  TotalsQuery,
  UsageSpan,
} from './usage-query.ts'

/** One new event, ready to be counted: digests instead of texts, and what it adds to which counters. */
export type CountedEvent = {
  customerId: string
  idDigest: string
  fingerprint: string
  /** what the log keeps of it (logged.ts); '' where there is no log */
  line: string
  /** `counter` is an index into the batch's counters; `a` and `b` are decimal strings. */
  deltas: { counter: number; a: string; b: string }[]
}

export type RecordBatch = {
  tenantId: string
  configVersion: number
  /** how long its ids are known at least; null: as long as Limits has it */
  dedupeWindowMs: number | null
  /** strict: one bad verdict and nothing is counted. lenient: the good ones are. */
  handling: 'strict' | 'lenient'
  /** ids of the meters that the events feed */
  meters: string[]
  /** distinct counters that the events touch; `meter` is an index into `meters` */
  counters: { field: string; merge: Counter['merge']; meter: number }[]
  /** the lists of the resource types in the batch, and the fields of their counters; null: there is no log */
  log: { lists: Lists; fields: string[] } | null
  events: CountedEvent[]
}

export type Verdict = 'accepted' | 'duplicate' | 'conflict' | 'out_of_range'

export type RecordOutcome =
  | { kind: 'recorded'; verdicts: Verdict[] }
  /** strict, and some verdict was conflict or out_of_range: nothing was counted */
  | { kind: 'refused'; verdicts: Verdict[] }
  /** the tenant's configuration is a newer one than the caller's: nothing was counted */
  | { kind: 'stale_config'; version: number }
  /** Too much of the tenant, or of all in its partition, waits to be settled: nothing was counted */
  | { kind: 'backlog_full'; scope: 'tenant' | 'partition'; of: 'counters' | 'log' }

export type SegmentRef = {
  id: string
  partition: number
  bornMs: number
  quarantined: string | null
  /** which offer of kept segments it was listed under */
  offer: string
}

export type SealOutcome =
  /**
   * `segments`: every sealed one, oldest first; `nowMs`: Redis's clock; `idsToForget`: forgetIds has something to do;
   * `fillAsked`: since when a meter is to be filled, null: none is
   */
  | {
      kind: 'sealed'
      nowMs: number
      segments: SegmentRef[]
      idsToForget: boolean
      fillAsked: string | null
    }
  | { kind: 'leased'; untilMs: number }

/** All that a sealed segment holds. */
export type SegmentContent = {
  counters: Counter[]
  /** in the order of arrival */
  log: LoggedCall[]
  /** of one that was settled before and is offered again: what SegmentLog.keep gave, in place of its log */
  kept: string | null
}

export type LiveCounter = Counter & { segment: string }

/** A segment that holds events of a meter's type which the meter (its id) did not count. */
export type UncountedSegment = { segment: string; meter: string }

/** Number of events, and the sum of their values as a decimal: both as text. */
export type Amount = { events: string; quantity: string }

/**
 * What a meter took through one slot (each server that calls has one), by the account of the counter store, and what of it
 * the counter store is known to have lost, since when (null: it is noticed only now).
 */
export type Accepted = { slot: string; accepted: Amount; lost: Amount; lostSinceMs: number | null }

export type AcceptedRead = {
  /** by the meter's id; slots that it took nothing through are absent */
  meters: Map<string, Accepted[]>
  /** the tallies of every segment that is not discarded */
  counters: LiveCounter[]
  /** segments among them that are quarantined */
  quarantined: Set<string>
}

export type PartitionState = {
  partition: number
  nowMs: number
  open: { id: string; bornMs: number; counters: number; bytes: number } | null
  sealed: SegmentRef[]
  unsettledCounters: number
  lastFlushMs: number | null
}

export interface CounterStore {
  /** Those that there are, in the order of their ids. */
  listPartitions(): Promise<Partition[]>
  /** … also those that a Postgres which was put back has forgotten. */
  findPartitions(): Promise<Partition[]>
  /** Tells Postgres where tenants are by what a partition knows, where it was put back to before that. */
  tellPlacements(partition: number): Promise<void>
  /** Claims the ids and counts the events, in one step. Throws store_unavailable when the outcome is unknown. */
  record(batch: RecordBatch): Promise<RecordOutcome>
  /** Closes the open segment of a partition, if it has counters, and lists the sealed ones. */
  seal(partition: number, lease: { owner: string; ms: number }): Promise<SealOutcome>
  /** What a sealed segment holds; without counters if it is gone. */
  readSegment(segment: SegmentRef): Promise<SegmentContent>
  /**
   * Drops a settled segment, if it is still listed, unless kept ones were offered again since it was listed, and only if it
   * holds as much as was read. `content`: what readSegment gave. `kept`: what is to be kept in place of its log.
   */
  discard(segment: SegmentRef, content: SegmentContent, kept?: string | null): Promise<void>
  /** Lists again, as sealed, every settled segment whose counters are still kept; gives how many. */
  reoffer(partition: number): Promise<number>
  /** Marks a segment that is listed and whose counters are gone. */
  markMissing(segment: SegmentRef): Promise<void>
  /** Takes a segment whose counters are gone off the list; gives whether it did. */
  dropMissing(segment: SegmentRef): Promise<boolean>
  /** Marks a segment that Postgres refuses for its content. */
  quarantine(segment: SegmentRef, reason: string): Promise<void>
  /** Forgets a bounded number of event ids whose time is over; gives whether there may be more. */
  forgetIds(partition: number): Promise<boolean>
  /** Those of these segments, each with a tenant that is in it, that it has in any state, settled and kept too. */
  knownSegments(asked: { segment: string; tenantId: string }[]): Promise<Set<string>>
  /** Gives back the lease. */
  release(partition: number, owner: string): Promise<void>
  /** Every counter of these customers that is not yet discarded, and the configuration's version as Redis knows it (null: unknown). */
  readLive(
    tenantId: string,
    customerIds: string[],
  ): Promise<{ configVersion: number | null; counters: LiveCounter[] }>
  /** What these meters (ids) took, and the tallies of what is not yet discarded, at one instant. */
  readAccepted(tenantId: string, meters: string[]): Promise<AcceptedRead>
  /** What a tenant's calls logged that is not discarded, in order, as far as `bytes` go (one call at least). */
  readLog(tenantId: string, wanted: LogSpan): Promise<LiveLog>
  /** Remembers since when a tenant's accounts disagree; forgets it when they agree. Gives that time (ms). */
  noteDrift(tenantId: string, drifts: boolean): Promise<number | null>
  /** Customers with counters not yet discarded, in byte order, after `after`. */
  liveCustomers(tenantId: string, after: string, limit: number): Promise<string[]>
  /** Says that a tenant's configuration is now this version, or newer. `fills`: and that a meter is to be filled from the log. */
  publishConfig(tenantId: string, version: number, options?: { fills?: boolean }): Promise<void>
  /** All is filled that was asked for by then (seal's `fillAsked`). */
  filledMeters(partition: number, asked: string): Promise<void>
  /** The time by which a tenant's events arrive, µs. */
  clockMicros(tenantId: string): Promise<number>
  state(partition: number): Promise<PartitionState>
  /** The names of the databases that can't be reached at present. */
  unreachable(): Promise<string[]>
}

/** By the tallies of the log, and by its blocks and what was taken out of it for its age: numbers of events as text. */
export type LoggedCount = { tallied: string; indexed: string }

export interface UsageStore {
  /**
   * Applies a segment once, as a whole, with the rows of its blocks. `applied: false`: Postgres already had it. Throws
   * SegmentRefused for its content, and an Error where a block is not there that Postgres itself should have.
   */
  settle(segment: SegmentRef, counters: Counter[], blocks?: BlockRow[]): Promise<{ applied: boolean }>
  /** Merges what is settled with the live counters whose segment is not, in one snapshot. */
  totals(query: TotalsQuery, live: LiveCounter[]): Promise<Totals[]>
  /** The same for spans that all differ: a row for each part of a span that has counters, one more than ROWS_PER_READ at most. */
  spanTotals(
    tenantId: string,
    spans: UsageSpan[],
    live: LiveCounter[],
    /** counters that are taken for gone */
    without?: CounterName[],
  ): Promise<SpanTotals[]>
  /** The same, hour by hour, ascending. */
  hourTotals(tenantId: string, query: HoursQuery, live: LiveCounter[]): Promise<HourTotals[]>
  /** Those of these meters (ids) that are being filled from the log, or will be when one of these segments is settled. */
  incomplete(tenantId: string, meters: string[], uncounted: UncountedSegment[]): Promise<Set<string>>
  /** How many events of a tenant were settled as logged, and how many are in the index, or were until they were too old: at one instant. */
  logged(tenantId: string): Promise<LoggedCount>
  /** Customers with settled usage, in byte order, after `after`. */
  settledCustomers(tenantId: string, after: string, limit: number): Promise<string[]>
  ping(): Promise<void>
}

/** Where the hot path's configuration comes from. */
export interface TenantConfigs {
  /** Loads it anew, unless what is cached is new enough for the reason. */
  reload(tenantId: string, reason: { newerVersion: number } | 'unknown_resource_type'): Promise<TenantConfig>
}

/** Postgres will never take this segment, whatever the number of tries. */
export class SegmentRefused extends Error {}
