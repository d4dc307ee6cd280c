// What the Cron Trigger and Node's timer run: settle what is old enough, fill meters that reach back, and then issue what is due.

import type { CloseServices } from '../billing/invoices/close-due.ts'
import type { FillServices } from '../log/fill-meters.ts'
import type { FlushReport, FlushServices } from '../metering/flush.ts'
import { closeJob, isCloseTime } from './close-job.ts'
import { fillJob } from './fill-job.ts'
import { flushJob } from './flush-job.ts'

export type PeriodicOptions = {
  log: (line: string) => void
  /** how often it is run */
  everyMs: number
  /** whether the first run looks for invoices, whatever the time */
  closeAtStart: boolean
}

/** A run of all jobs. They never throw. */
export function periodicJobs(
  services: FlushServices & FillServices & CloseServices,
  { log, everyMs, closeAtStart }: PeriodicOptions,
): () => Promise<FlushReport | null> {
  let closeNext = closeAtStart
  let fillNext = closeAtStart
  return async () => {
    const flushed = await flushJob(services, log)
    const isTime = isCloseTime(flushed, services.clock(), everyMs)
    // Before invoices are issued: they wait for what is being filled.
    if (fillNext || isTime) {
      const filled = await fillJob(services, log)
      fillNext = filled === null || filled.more
    }
    if (closeNext || isTime) {
      const closed = await closeJob(services, log)
      closeNext = closed === null || closed.more
    }
    return flushed
  }
}
