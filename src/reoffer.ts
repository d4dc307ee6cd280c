// `npm run reoffer`: after Postgres was put back to an earlier point, settles again what Redis still keeps of what it lost.
// Takes the same environment as the server, Worker or Node; with embedded stores there is nothing to repair.

import { composeNode } from './compose-node.ts'
import { environment } from './env-file.ts'
import { flushJob } from './jobs/flush-job.ts'
import { reoffer } from './metering/reoffer.ts'

const composed = await composeNode(environment(), console.log).catch((error: Error) => {
  console.error(error.cause instanceof Error ? error.cause.message : error.message)
  process.exit(1)
})
console.log(`${await reoffer(composed.services)} settled segments are offered again`)
let report = await flushJob(composed.services, console.log)
while (report !== null && report.remaining > 0) report = await flushJob(composed.services, console.log)
await composed.close()
