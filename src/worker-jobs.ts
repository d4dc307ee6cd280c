// What the Cron Trigger runs: in the Worker, and, where that is not enough, in objects of the class Committer.

import { closeRange } from './billing/invoices/close-due.ts'
import type { ComposedWorker } from './compose-worker.ts'
import { type Apart, apartIn, closeApart, flushApart, type JobsNamespace, runOnAndOn } from './jobs/apart.ts'
import { type PeriodicOptions, periodicJobs } from './jobs/periodic.ts'
import { flush } from './metering/flush.ts'
import { isCommitterNamespace } from './stores/redis/committers.ts'

/** As often as wrangler.toml has it. */
const CRON_EVERY_MS = 60_000

const options = { log: console.log, everyMs: CRON_EVERY_MS }

/** In the Worker. `binding`: of committers; without one all is done here, and what is left waits for the next run. */
export function cronJobs({ services, config }: ComposedWorker, binding: unknown): () => Promise<void> {
  const apart = apartOf(config, binding)
  const jobs = periodicJobs(services, {
    ...options,
    allAtStart: false,
    ...(apart && {
      flush: (own) => flushApart(own, apart),
      close: (own) => closeApart(own, apart),
    }),
  })
  return () => runOnAndOn(jobs, apart, services.clock)
}

const apartOf = ({ COMMITTER_LOCATION }: ComposedWorker['config'], binding: unknown): Apart | null =>
  isCommitterNamespace(binding) ? apartIn(binding as unknown as JobsNamespace, COMMITTER_LOCATION) : null

/** In the object. Each call of `jobs` looks for everything: more was found to do, here or in the Worker. */
export function jobsApart({ services, config }: ComposedWorker, binding: unknown): Apart {
  const apart = apartOf(config, binding)
  const all: PeriodicOptions = {
    ...options,
    allAtStart: true,
    ...(apart && { close: (own) => closeApart(own, apart) }),
  }
  return {
    flush: (partition) => flush(services, { only: [partition] }),
    close: (range) => closeRange(services, range),
    jobs: async () => (await periodicJobs(services, all)()).more,
  }
}
