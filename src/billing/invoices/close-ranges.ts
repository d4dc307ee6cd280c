// Closing where more is due than one invocation closes: by ranges, several at once. No two of them have an account in common when
// they are cut. What is cut off, or comes to be due meanwhile, is found by the next look.

import type { AccountStore } from '../account-ports.ts'
import { type CloseReport, type CloseServices, closeRange, nothingClosed } from './close-due.ts'
import { ALL_DUE, type DueRange, rangesAt } from './due-range.ts'
import { reopenInvoices } from './reopen-invoices.ts'

export type CloseRangesServices = CloseServices & { accounts: Pick<AccountStore, 'dueMarks'> }

/** A run cuts no more: each may be a subrequest of the invocation that it is in. */
const RANGES_PER_RUN = 20
/** After so long a run begins no other range. */
const RUN_MS = 45_000

/** `atOnce`: ranges that are closed at a time. `lane`: which of so many. */
export type CloseRange = (range: DueRange, lane: number) => Promise<CloseReport>

/** Until nothing is due, or the run is over. What one invocation can do is done here. */
export async function closeInRanges(
  services: CloseRangesServices,
  close: CloseRange,
  atOnce: number,
): Promise<CloseReport> {
  const { accounts, billing, clock } = services
  const endMs = clock() + RUN_MS
  const each = billing.accountsPerBatch * billing.batchesPerRun
  let left = RANGES_PER_RUN
  const { more } = await reopenInvoices(services)
  let report: CloseReport = { ...nothingClosed(), more }
  while (left > 1 && clock() < endMs) {
    const marks = await accounts.dueMarks(clock(), each, left - 1)
    if (marks.length === 0) {
      const rest = await closeRange(services, ALL_DUE)
      return { ...besides(report, rest), more: more || rest.more }
    }
    const ranges = rangesAt(marks)
    left -= ranges.length
    for (const one of await inLanes(ranges, close, atOnce, () => clock() < endMs))
      report = besides(report, one)
  }
  return { ...report, more: true }
}

/** Each lane takes the next range, in their order. Throws what one of them threw, when all have ended. */
async function inLanes(
  ranges: DueRange[],
  close: CloseRange,
  atOnce: number,
  goesOn: () => boolean,
): Promise<CloseReport[]> {
  const waiting = ranges.values()
  const reports: CloseReport[] = []
  const lane = async (_: unknown, number: number) => {
    for (const range of waiting) {
      if (!goesOn()) return
      reports.push(await close(range, number))
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, lane))
  const failure = ends.find((end) => end.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  return reports
}

const besides = (one: CloseReport, other: CloseReport): CloseReport => ({
  issued: one.issued + other.issued,
  overtaken: one.overtaken + other.overtaken,
  failed: [...one.failed, ...other.failed],
  more: one.more || other.more,
})
