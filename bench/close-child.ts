// An invocation that closes: a process with stores of its own, as a Worker's has, that is told which range.

import type { CloseReport } from '../src/billing/invoices/close-due.ts'
import { closeDue, closeRange } from '../src/billing/invoices/close-due.ts'
import { closeInRanges } from '../src/billing/invoices/close-ranges.ts'
import type { DueRange } from '../src/billing/invoices/due-range.ts'
import { noFence } from './fill.ts'
import { closingServices } from './invoices.ts'
import { openWorld } from './world.ts'

/** `rest`: all that is due, so many ranges at a time; 1: as one invocation does, run after run. */
export type CloseJob = { delayMs: number } & ({ range: DueRange } | { rest: number })
export type CloseAnswer = { report: CloseReport } | { error: string }

const { REDIS_URL, DATABASE_URL } = process.env
const world = openWorld({ redisUrl: REDIS_URL!, databaseUrl: DATABASE_URL! }, noFence)
const services = closingServices(world)

async function done(job: CloseJob): Promise<CloseReport> {
  world.delay.ms = job.delayMs
  if ('range' in job) return await closeRange(services, job.range)
  const run = () =>
    job.rest === 1
      ? closeDue(services)
      : closeInRanges(services, (range) => closeRange(services, range), job.rest)
  let issued = 0
  for (;;) {
    const report = await run()
    issued += report.issued
    if (!report.more || report.failed.length > 0) return { ...report, issued }
  }
}

process.on('message', (job: CloseJob) => {
  done(job).then(
    (report) => process.send!({ report } satisfies CloseAnswer),
    (error: Error) => process.send!({ error: String(error.cause ?? error) } satisfies CloseAnswer),
  )
})
process.on('SIGTERM', () => world.close().then(() => process.exit(0)))
