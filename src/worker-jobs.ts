// What the Cron Trigger runs: in the Worker, and, where that is not enough, in objects of the class Committer.

import type { ComposedWorker } from './compose-worker.ts'
import { type Apart, apartIn, flushApart, type JobsNamespace, runOnAndOn } from './jobs/apart.ts'
import { periodicJobs } from './jobs/periodic.ts'
import { flush } from './metering/flush.ts'
import type { Services } from './services.ts'
import { isCommitterNamespace } from './stores/redis/committers.ts'

/** As often as wrangler.toml has it. */
const CRON_EVERY_MS = 60_000

const options = { log: console.log, everyMs: CRON_EVERY_MS }

/** In the Worker. `binding`: of committers; without one all is done here, and what is left waits for the next run. */
export function cronJobs({ services, config }: ComposedWorker, binding: unknown): () => Promise<void> {
  const apart = isCommitterNamespace(binding)
    ? apartIn(binding as unknown as JobsNamespace, config.COMMITTER_LOCATION)
    : null
  const jobs = periodicJobs(services, {
    ...options,
    allAtStart: false,
    ...(apart && { flush: (own) => flushApart(own, apart) }),
  })
  return () => runOnAndOn(jobs, apart, services.clock)
}

/** In the object. */
export function jobsApart(services: Services): Apart {
  const jobs = periodicJobs(services, { ...options, allAtStart: true })
  return {
    flush: (partition) => flush(services, { only: [partition] }),
    jobs: async () => (await jobs()).more,
  }
}
