// What is asked of usage, and what comes back: totals in windows, totals of spans, and the hours of one.

import type { Counter } from './counter.ts'
import type { SpanDays } from './span-days.ts'

export type TotalsQuery = {
  tenantId: string
  customerIds: string[]
  /** ids */
  meters: string[]
  /** Ascending instants; window i is [boundariesMs[i], boundariesMs[i + 1]). */
  boundariesMs: number[]
  /** Ids of meters whose changes before the first boundary are wanted too, as window -1: the level that the period starts from. */
  levelMeters: string[]
  /** Positions in the meter's group_by to keep apart; empty: all groups together. */
  groupPositions: number[]
  /** Of the whole; absent: by the hour. */
  days?: SpanDays | null
  /** Of what is before the first boundary: only its `first` says something; absent: `days`. */
  daysBefore?: SpanDays | null
  /** Whether any meter counts distinct values; absent: nobody knows. */
  distinct?: boolean
  /** Whether history counts, too: with what else the meter has. Live counters come as such a read takes them (history.ts). */
  history?: boolean
  /** Of meters that were revised: which counters (ids, all of them in `meters`) hold which of their hours, and are read as whose. */
  revised?: RevisedHours[]
}

export type RevisedHours = {
  meter: string
  as: string
  fromMs: number
  toMs: number
  /** in the order of `groupPositions` */
  groupPositions: number[]
  /** As of a piece of a span, cut at the boundaries in it. */
  days?: SpanDays | null
  daysBefore?: SpanDays | null
}

/** One customer's merged counters of one meter in one window. `settled…`: what of it Postgres already has. */
export type Totals = {
  customerId: string
  /** a meter's id */
  meter: string
  merge: Counter['merge']
  /** -1: before the first boundary (needed for levels) */
  window: number
  /** the kept group values, null where the property was absent */
  groups: (string | null)[]
  all: MergedValue
  settled: MergedValue | null
}

/**
 * One customer's counters of one meter, from `startMs` up to before `endMs`, both at bucket boundaries; how they are cut into
 * parts: a counter is in the first part all of whose conditions hold on its group values, or else in the rest.
 */
export type UsageSpan = {
  customerId: string
  /** a meter's id */
  meter: string
  startMs: number
  endMs: number
  /** What changed before the span is wanted too: the level that it starts from. */
  level: boolean
  /** As of TotalsQuery. */
  history?: boolean
  /** `position` in the meter's group_by; null where the property was absent */
  parts: Parts
  /** absent: by the hour */
  days?: SpanDays | null
  /** Whether what is counted is distinct values; absent: nobody knows. */
  distinct?: boolean
  /** Of a meter that was revised: which counters (ids) its hours are in, in place of `meter` and `parts`. */
  pieces?: UsagePiece[]
}

export type UsagePiece = {
  meter: string
  fromMs: number
  toMs: number
  parts: Parts
  /** Of what of the span is in it; absent: by the hour. */
  days?: SpanDays | null
  /** … and of what is before the span; of one from the beginning only its `first` says something. */
  daysBefore?: SpanDays | null
}

type Parts = { position: number; value: string | null }[][]

/** The merged counters of one part of a span. */
export type SpanTotals = {
  /** its index in the question */
  span: number
  /** index of the part; null: the rest */
  part: number | null
  /** changes before the span (only with `level`) */
  before: boolean
  merge: Counter['merge']
  all: MergedValue
  settled: MergedValue | null
}

/** A counter of a tenant. `meter`: a meter's id. */
export type CounterName = Pick<Counter, 'customerId' | 'meter' | 'bucketMs' | 'groups' | 'distinctValue'>

/** The first `limit` hours of one part of a span (null: of its rest) that have counters. */
export type HoursQuery = { span: UsageSpan; part: number | null; limit: number }

export type HourTotals = {
  bucketMs: number
  merge: Counter['merge']
  all: MergedValue
  settled: MergedValue | null
}

/** add: Σa, Σb, and Σ(a · bucket start in ms); min, max, latest: a; once: how many distinct values, in `a`. */
export type MergedValue = { a: string; b: string; aTimesBucketMs: string }
