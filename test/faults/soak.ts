// A steady load for a while, with the app's own timer settling: is its memory bounded, and Redis's?
//   node test/faults/soak.ts --minutes 10
//   node test/faults/soak.ts --minutes 60 --databases 2    one of the tenants is moved between them, and spread, all the while
//
// Counted apart, by MEMORY USAGE, is what Redis holds by design and drops by itself: the events' ids for one window (the
// shortest that there is here, an hour), and settled segments for as long as they are kept (here a minute).

import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Random } from '../fuzz/random.ts'
import { must } from './calls.ts'
import { openMachine } from './machine.ts'
import { moveUntilOver, openPartitions } from './moves.ts'
import { Site } from './site.ts'
import { bytesUntold } from './soak-calibrate.ts'
import { loadUntil, type SoakCounts, sendBatch } from './soak-load.ts'
import { growthLine, growths, heading, row, type Sample, sample } from './soak-samples.ts'
import { newTenant } from './tenant.ts'

const TENANTS = 3
const SAMPLES = 60
const SHORTEST_BETWEEN_MS = 2_000
/** Ten seconds on average. */
const MOVE_EVERY_MS = 20_000

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, databases: { type: 'string', default: '1' } },
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes} is no number of minutes`)
const lengthMs = minutes * 60_000
const probe = pathToFileURL(new URL('memory-probe.ts', import.meta.url).pathname).href

const machine = await openMachine(Number(values.databases)).catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
const site = new Site(machine, {
  apps: 1,
  fenceSeconds: 0,
  appendfsync: 'everysec',
  database: 'soak',
  eventLog: 'postgres',
  env: { KEEP_SETTLED_MINUTES: '1', NODE_OPTIONS: `--import ${probe}` },
})
await site.open()
await openPartitions(site)
const tenants = await Promise.all(Array.from({ length: TENANTS }, (_, i) => newTenant(site, `soak ${i}`)))

const counts: SoakCounts = { acknowledged: new Map(), bills: 0, failures: [], skipped: 0 }
await Promise.all(tenants.map((tenant, n) => sendBatch(site, tenant, n, counts)))
const untold = await bytesUntold(site.redis.admin)

const began = performance.now()
const over = () => performance.now() - began > lengthMs || site.violations.length > 0
const events = () => [...counts.acknowledged.values()].reduce((sum, one) => sum + one, 0)
const samples: Sample[] = []
console.log(heading)
let moves = 0
const moving = { site, tenant: tenants[0]!, random: new Random('moves'), over }
await Promise.all([
  loadUntil(over, site, tenants, counts),
  watch(),
  moveUntilOver(moving, () => moves++, MOVE_EVERY_MS),
])

async function watch(): Promise<void> {
  for (;;) {
    await sleep(Math.max(lengthMs / SAMPLES, SHORTEST_BETWEEN_MS))
    if (over()) return
    const one = await sample(site, { seconds: (performance.now() - began) / 1000, events: events(), untold })
    samples.push(one)
    console.log(row(one))
  }
}

const wrong = [...site.violations, ...counts.failures.slice(0, 5)]
for (const { id } of tenants) {
  const path = `/api/v1/reconciliation?tenant_id=${id}`
  const { data } = await must(site.apps[0]!, { path, token: site.adminToken })
  const calls = data[0].meters.find(({ meter }: { meter: string }) => meter === 'calls')
  if (data[0].drift_since !== null || calls.accepted.events !== String(counts.acknowledged.get(id)))
    wrong.push(`${counts.acknowledged.get(id)} events were acknowledged: ${JSON.stringify(data[0])}`)
}
const found = growths(samples)
for (const one of found) console.log(growthLine(one))
const { ids, idBytes } = samples.at(-1)!
console.log(
  `${events()} events acknowledged and accounted for, ${counts.bills} bills read, ${counts.skipped} requests held back, ${moves} moves; ` +
    `${ids} ids known to Redis, ${(idBytes / ids).toFixed(0)} bytes each`,
)
if (wrong.length > 0) console.log(['WRONG', ...wrong].join('\n'))
const bounded = wrong.length === 0 && found.every((one) => one.bounded)
console.log(bounded ? 'memory is bounded' : 'FAILED')
await site.close().catch((error: Error) => console.log(error.message))
await machine.close()
process.exit(bounded ? 0 : 1)
