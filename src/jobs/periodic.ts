// What the Cron Trigger and Node's timer run: settle what is old enough, enter corrections that waited for it, fill meters that
// reach back, erase, and then issue what is due; and once an hour, look after the event log.

import type { CloseReport } from '../billing/invoices/close-due.ts'
import type { CloseRangesServices } from '../billing/invoices/close-ranges.ts'
import type { EnterJobServices } from '../log/enter-wanted.ts'
import type { EraseServices } from '../log/erase-events.ts'
import type { FillServices } from '../log/fill-meters.ts'
import type { DropServices } from '../metering/drop-hours.ts'
import { type FlushReport, type FlushServices, leftMore } from '../metering/flush.ts'
import type { MoveServices } from '../metering/placement/move-tenant.ts'
import { closeJob, isCloseTime, isOnceAnHour } from './close-job.ts'
import { enterJob } from './enter-job.ts'
import { eraseJob } from './erase-job.ts'
import { fillJob } from './fill-job.ts'
import { flushJob } from './flush-job.ts'
import { hoursJob } from './hours-job.ts'
import { type KeepServices, keepJob } from './keep-job.ts'
import { moveJob } from './move-job.ts'

export type PeriodicOptions = {
  log: (line: string) => void
  /** how often it is run */
  everyMs: number
  /** whether the first run looks for everything, whatever the time */
  allAtStart: boolean
  /** how segments are settled, if not here */
  flush?: (services: FlushServices) => Promise<FlushReport>
  /** how what is due is closed, if not by one invocation */
  close?: (services: CloseRangesServices) => Promise<CloseReport>
}

/** `more`: something is left that another run would get on with at once. */
export type JobsReport = { flushed: FlushReport | null; more: boolean }

/** A run of all jobs. They never throw. */
export function periodicJobs(
  services: FlushServices &
    FillServices &
    EnterJobServices &
    EraseServices &
    CloseRangesServices &
    KeepServices &
    MoveServices &
    DropServices,
  { log, everyMs, allAtStart, flush, close }: PeriodicOptions,
): () => Promise<JobsReport> {
  let closeNext = allAtStart
  let fillNext = allAtStart
  let eraseNext = allAtStart
  let keepNext = allAtStart
  let dropNext = allAtStart
  let enterNext = allAtStart
  return async () => {
    const flushed = await flushJob(services, log, flush)
    let more = flushed !== null && leftMore(flushed)
    const goesOn = (report: { more: boolean } | null, did: number) => {
      more ||= report?.more === true && did > 0
      return report === null || report.more
    }
    const isTime = isCloseTime(flushed, services.clock(), everyMs)
    // What waits for its event to be settled: whenever something was, and until nothing waits that this process knows of.
    if (enterNext || isTime) {
      const entered = await enterJob(services, log)
      enterNext = entered === null || entered.waiting
    }
    const toFill = flushed?.toFill ?? []
    // Before invoices are issued: they wait for what is being filled.
    if (fillNext || isTime || toFill.length > 0) {
      const filled = await fillJob(services, log, toFill)
      fillNext = goesOn(filled, (filled?.blocks ?? 0) + (filled?.filled.length ?? 0))
    }
    // After it: what a meter owes waits for it.
    if (eraseNext || isTime) {
      const erased = await eraseJob(services, log)
      eraseNext = goesOn(erased, erased?.blocks ?? 0)
    }
    if (closeNext || isTime) {
      const closed = await closeJob(services, log, close)
      closeNext = goesOn(closed, closed?.issued ?? 0)
    }
    if (isTime) await moveJob(services, log)
    if (keepNext || isOnceAnHour(services.clock(), everyMs)) {
      const kept = await keepJob(services, log)
      keepNext = goesOn(kept, kept?.blocks ?? 0)
    }
    if (dropNext || isOnceAnHour(services.clock(), everyMs)) {
      const dropped = await hoursJob(services, log)
      dropNext = goesOn(dropped, dropped?.dropped ?? 0)
    }
    return { flushed, more }
  }
}
