// `npm run reoffer`: after Postgres was put back to an earlier point, settles again what Redis still keeps of what it lost.
// Takes the same environment as the server, Worker or Node; with embedded stores there is nothing to repair.

import { composeNode } from './compose-node.ts'
import { environment } from './env-file.ts'
import { enterJob } from './jobs/enter-job.ts'
import { eraseJob } from './jobs/erase-job.ts'
import { flushJob } from './jobs/flush-job.ts'
import { reofferErasures } from './log/ask-erasure.ts'
import { reofferActs } from './log/offer-acts.ts'
import { reoffer } from './metering/reoffer.ts'

const composed = await composeNode(environment(), console.log).catch((error: Error) => {
  console.error(error.cause instanceof Error ? error.cause.message : error.message)
  process.exit(1)
})
// First of all what changes figures, then what erases it.
console.log(`${await reofferActs(composed.services)} corrections and reverts were forgotten`)
console.log(`${await reofferErasures(composed.services)} erasures are known`)
console.log(`${await reoffer(composed.services)} settled segments are offered again`)
let report = await flushJob(composed.services, console.log)
while (report !== null && report.remaining > 0) report = await flushJob(composed.services, console.log)
// Until a run gets nowhere: what waits for a segment that can’t be settled now is entered by the job.
for (let entered = 1; entered > 0; ) entered = (await enterJob(composed.services, console.log))?.entered ?? 0
for (let more = true; more; ) more = (await eraseJob(composed.services, console.log))?.more ?? false
await composed.close()
