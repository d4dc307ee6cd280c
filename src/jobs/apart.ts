// Jobs in invocations of their own, each with its own processor time and subrequests, where a run is bounded by what one
// invocation may do. Whatever goes wrong there, the same is done here: a job may be done twice at once, and counts once.

import { type CloseReport, closeRange } from '../billing/invoices/close-due.ts'
import { type CloseRangesServices, closeInRanges } from '../billing/invoices/close-ranges.ts'
import type { DueRange } from '../billing/invoices/due-range.ts'
import {
  type FlushReport,
  type FlushServices,
  flush,
  isOfCounters,
  leftMore,
  nothingFlushed,
} from '../metering/flush.ts'
import type { JobsReport } from './periodic.ts'

export type Apart = {
  flush(partition: number): Promise<FlushReport>
  /** What is due in the range, as much of it as a run closes. `lane`: of those that are closed at once. */
  close(range: DueRange, lane: number): Promise<CloseReport>
  /** all jobs once; whether there is more to do */
  jobs(): Promise<boolean>
}

/** What is used of the binding: a namespace of Durable Objects of the class Committer. */
export type JobsNamespace = {
  idFromName(name: string): unknown
  get(id: unknown, options?: { locationHint?: string }): Apart
}

/** After so long a run begins nothing more: the next one comes in a minute. */
const RUN_MS = 45_000
const PARTITIONS_AT_ONCE = 4
const RANGES_AT_ONCE = 4

/** An object for each partition, one for each of the ranges that are closed at once, and one for the rest. */
export function apartIn(namespace: JobsNamespace, location?: string): Apart {
  const object = (name: string) =>
    namespace.get(
      namespace.idFromName(`jobs/${name}`),
      location === undefined ? undefined : { locationHint: location },
    )
  return {
    flush: (partition) => object(String(partition)).flush(partition),
    close: (range, lane) => object(`close/${lane}`).close(range, lane),
    jobs: () => object('all').jobs(),
  }
}

/** A run of all jobs here, and as long as there is more to do, further ones apart. */
export async function runOnAndOn(
  run: () => Promise<JobsReport>,
  apart: Apart | null,
  clock: () => number,
): Promise<void> {
  const endMs = clock() + RUN_MS
  let { more } = await run()
  while (apart !== null && more && clock() < endMs) more = await apart.jobs().catch(() => false)
}

/**
 * Settles every partition in an invocation of its own, again and again until nothing is left that is old enough. One partition
 * alone is settled here: what is left of it, the next runs have.
 */
export async function flushApart(services: FlushServices, apart: Apart): Promise<FlushReport> {
  const partitions = await services.counters.listPartitions()
  if (partitions.length === 1) return await flush(services)
  const endMs = services.clock() + RUN_MS
  const waiting = partitions.values()
  const reports: FlushReport[] = []
  const failures: unknown[] = []
  const lane = async () => {
    for (const { id, database } of waiting) {
      try {
        let all = nothingFlushed()
        let last: FlushReport
        do {
          last = await apart.flush(id).catch(() => flush(services, { only: [id] }))
          all = followedBy(all, last)
        } while (leftMore(last) && services.clock() < endMs)
        reports.push(all)
      } catch (error) {
        failures.push(error)
        if (isOfCounters(error)) reports.push({ ...nothingFlushed(), unreachable: [database] })
      }
    }
  }
  await Promise.all(Array.from({ length: PARTITIONS_AT_ONCE }, lane))
  const other = failures.find((error) => !isOfCounters(error))
  if (other !== undefined || failures.length === partitions.length) throw other ?? failures[0]
  return reports.reduce(besides)
}

/** Closes what is due in invocations of their own, where it is more than one closes. */
export const closeApart = (services: CloseRangesServices, apart: Apart): Promise<CloseReport> =>
  closeInRanges(
    services,
    (range, lane) => apart.close(range, lane).catch(() => closeRange(services, range)),
    RANGES_AT_ONCE,
  )

/** Of one partition: what was done adds up, and what is left is what the later one has left. */
const followedBy = (one: FlushReport, later: FlushReport): FlushReport => ({
  ...later,
  settledSegments: one.settledSegments + later.settledSegments,
  settledCounters: one.settledCounters + later.settledCounters,
  alreadySettled: one.alreadySettled + later.alreadySettled,
})

/** Of two partitions. */
const besides = (one: FlushReport, other: FlushReport): FlushReport => ({
  settledSegments: one.settledSegments + other.settledSegments,
  settledCounters: one.settledCounters + other.settledCounters,
  alreadySettled: one.alreadySettled + other.alreadySettled,
  tooYoung: one.tooYoung + other.tooYoung,
  remaining: one.remaining + other.remaining,
  dropped: [...one.dropped, ...other.dropped],
  quarantined: [...one.quarantined, ...other.quarantined],
  failed: [...one.failed, ...other.failed],
  leased: [...one.leased, ...other.leased],
  unreachable: [...new Set([...one.unreachable, ...other.unreachable])],
  toFill: [...one.toFill, ...other.toFill],
})
