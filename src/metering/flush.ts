// Flush: the cold path. Seal, and then for each segment that is old enough: read, write what it logged, settle, discard. Any
// step may be the last one before a crash, and any two runs may overlap: the segment's id in Postgres makes settling it again a
// no-op, and blocks that a run has made are made.

import { TollgateError } from '../kernel/errors.ts'
import { newId } from '../kernel/ids.ts'
import { TALLY_CUSTOMER } from './counter.ts'
import { FORGETS_PER_FLUSH, type Limits } from './limits.ts'
import {
  type CounterStore,
  type SegmentLog,
  type SegmentRef,
  SegmentRefused,
  type UsageStore,
} from './ports.ts'

export type FlushServices = {
  clock: () => number
  limits: Limits
  counters: CounterStore
  usage: UsageStore
  /** null: what was logged before the log was turned off is dropped */
  log: SegmentLog | null
}

export type FlushReport = {
  settledSegments: number
  settledCounters: number
  /** segments that Postgres had already, from a run that was cut off */
  alreadySettled: number
  /** sealed, but younger than settleAfterMs */
  tooYoung: number
  /** old enough, but left for the next run */
  remaining: number
  /** whose counters are gone, taken off the list because the operator said so */
  dropped: string[]
  /** refused by Postgres for what is in them, or without their counters: they wait for the operator */
  quarantined: { id: string; reason: string }[]
  /** failed in a way that may pass: the next run tries them again */
  failed: { id: string; reason: string }[]
  /** partitions that another run is at work on */
  leased: number[]
  /** databases that could not be reached: what is in their partitions waits */
  unreachable: string[]
  /** partitions in which meters are to be filled from the log, and since when */
  toFill: FillAsked[]
}

export type FillAsked = { partition: number; asked: string }

export type FlushOptions = {
  retryQuarantined?: boolean
  dropMissing?: boolean
  leaseMs?: number
  /** these partitions alone */
  only?: number[]
}

const LEASE_MS = 30_000
/** Each has one connection in use at a time: a Worker has six in all. */
const SEGMENTS_AT_ONCE = 2

/**
 * Settles up to `limits.segmentsPerFlush` segments, the oldest of each partition first. A segment that fails holds up no
 * other, and neither does a database that is away. Throws store_unavailable where Postgres is, or all of the counters; what was
 * settled before stays settled.
 */
export async function flush(services: FlushServices, options: FlushOptions = {}): Promise<FlushReport> {
  const report = nothingFlushed()
  const partitions = (await services.counters.listPartitions()).filter(
    ({ id }) => options.only?.includes(id) ?? true,
  )
  // Every run begins with another partition: none waits behind a busy one for ever.
  const first = Math.floor(services.clock() / 1000) % partitions.length
  const inTurn = [...partitions.slice(first), ...partitions.slice(0, first)]
  let [left, last]: [number, unknown] = [services.limits.segmentsPerFlush, null]
  for (const { id, database } of inTurn) {
    if (report.unreachable.includes(database)) continue
    try {
      left -= await flushPartition(services, id, report, left, options)
    } catch (error) {
      // One that is away holds up no other; Postgres is everybody's.
      if (!isOfCounters(error)) throw error
      last = error
      report.unreachable.push(database)
    }
  }
  if (inTurn.every(({ database }) => report.unreachable.includes(database))) throw last
  return report
}

export const nothingFlushed = (): FlushReport => ({
  settledSegments: 0,
  settledCounters: 0,
  alreadySettled: 0,
  tooYoung: 0,
  remaining: 0,
  dropped: [],
  quarantined: [],
  failed: [],
  leased: [],
  unreachable: [],
  toFill: [],
})

/** Whether another run would get on with what this one has left. */
export const leftMore = ({ remaining, settledSegments, alreadySettled }: FlushReport): boolean =>
  remaining > 0 && settledSegments + alreadySettled > 0

/** One of the databases of counters can't be asked. */
export const isOfCounters = (error: unknown): boolean =>
  error instanceof TollgateError && (error.code === 'misconfigured' || error.store === 'counters')

/** Takes up to `most` segments, and gives how many it took. */
async function flushPartition(
  services: FlushServices,
  partition: number,
  report: FlushReport,
  most: number,
  options: FlushOptions,
): Promise<number> {
  const { counters, limits } = services
  const lease = { owner: newId(), ms: options.leaseMs ?? LEASE_MS }
  const sealed = await counters.seal(partition, lease)
  if (sealed.kind === 'leased') {
    report.leased.push(partition)
    return 0
  }
  if (sealed.fillAsked !== null) report.toFill.push({ partition, asked: sealed.fillAsked })
  if (sealed.idsToForget) {
    for (let calls = 1; await counters.forgetIds(partition); calls++) if (calls === FORGETS_PER_FLUSH) break
  }
  const old = sealed.segments.filter((segment) => segment.bornMs + limits.settleAfterMs <= sealed.nowMs)
  report.tooYoung += sealed.segments.length - old.length
  if (old.length === 0) return 0
  try {
    const listed = options.dropMissing ? await withoutMissing(services, old, report) : old
    const due = listed.filter((segment) => segment.quarantined === null || options.retryQuarantined)
    for (const { id, quarantined } of listed) {
      if (quarantined !== null && !options.retryQuarantined)
        report.quarantined.push({ id, reason: quarantined })
    }
    const taken = due.slice(0, most)
    report.remaining += due.length - taken.length
    await settleAll(services, taken, report)
    return taken.length
  } finally {
    // One segment alone is not worth a lease: see seal.
    if (lease.ms > 0 && old.length > 1) await counters.release(partition, lease.owner)
  }
}

/** Takes those off the list whose counters are gone, and gives the others. */
async function withoutMissing(
  { counters }: FlushServices,
  segments: SegmentRef[],
  report: FlushReport,
): Promise<SegmentRef[]> {
  const left: SegmentRef[] = []
  for (const segment of segments) {
    if (await counters.dropMissing(segment)) report.dropped.push(segment.id)
    else left.push(segment)
  }
  return left
}

/**
 * The oldest first, and several at once: while one is on its way out of Redis, Postgres is at work on another. Both merge
 * their counters in key order, so that neither can wait for the other in a circle.
 */
async function settleAll(
  services: FlushServices,
  segments: SegmentRef[],
  report: FlushReport,
): Promise<void> {
  const waiting = segments.values()
  const failures: unknown[] = []
  const lane = async () => {
    for (const segment of waiting) {
      if (failures.length > 0) return
      await settleSegment(services, segment, report).catch((error) => failures.push(error))
    }
  }
  // What is under way ends before the run does: its caller may close the stores next.
  await Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, lane))
  if (failures.length > 0) throw failures[0]
}

async function settleSegment(
  { counters, usage, log }: FlushServices,
  segment: SegmentRef,
  report: FlushReport,
): Promise<void> {
  const content = await counters.readSegment(segment)
  if (content.counters.length === 0) {
    // Either another run has just discarded it, and then the mark finds nothing; or Redis lost it, and then it must be seen.
    await counters.markMissing(segment)
    return
  }
  let kept: string | null = null
  try {
    const written = log === null ? { rows: [], kept } : await log.write(segment, content)
    kept = written.kept
    const { applied } = await usage.settle(segment, content.counters, written.rows)
    if (applied) {
      report.settledSegments++
      report.settledCounters += content.counters.filter(
        ({ customerId }) => customerId !== TALLY_CUSTOMER,
      ).length
    } else report.alreadySettled++
  } catch (error) {
    if (error instanceof TollgateError) throw error
    const failure = { id: segment.id, reason: (error as Error).message }
    if (error instanceof SegmentRefused) {
      await counters.quarantine(segment, failure.reason)
      report.quarantined.push(failure)
    } else report.failed.push(failure)
    return
  }
  await counters.discard(segment, content, kept)
}
