// `npm run simulate -- --seed 1 --schedules 1000 --steps 40`, and `--billing` for a year of invoices: see docs/simulator.md.

import { parseArgs } from 'node:util'
import { invoicing } from './billing/schedule.ts'
import { placing } from './placing/schedule.ts'
import { randomSeed, run } from './run.ts'
import { counting } from './schedule.ts'
import { openFarEnds } from './stores.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    schedules: { type: 'string' },
    steps: { type: 'string', default: '40' },
    path: { type: 'string' },
    /** invoicing, in place of counting */
    billing: { type: 'boolean', default: false },
    /** counting in several databases, in place of one */
    placing: { type: 'boolean', default: false },
  },
})
const seed = values.seed === undefined ? randomSeed() : Number(values.seed)
const kind = values.billing ? invoicing : values.placing ? placing : counting
/** About a minute or two of either kind. */
const usual = values.billing ? 200 : 1_000
const [schedules, steps] = [Number(values.schedules ?? usual), Number(values.steps)]
console.log(`seed ${seed}: ${schedules} schedules of up to ${steps} steps`)
const ends = await openFarEnds()
const began = performance.now()
const { ran, failure } = await run(kind, ends, {
  seed,
  schedules,
  steps,
  path: values.path,
})
const seconds = (performance.now() - began) / 1000
if (failure !== null) {
  console.error(failure)
  process.exitCode = 1
}
console.log(`${ran} schedules in ${seconds.toFixed(0)} s (${(ran / seconds).toFixed(1)} a second)`)
await ends.close()
