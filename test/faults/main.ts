// The app on Node against real servers, under load, while processes are killed and wires cut: what was acknowledged is what
// is billed, at the end of every round.
//   node test/faults/main.ts --rounds 50 --seed 1       a failed round prints how to repeat it
//   node test/faults/main.ts --round 17 --seed 1        that round only
//   node test/faults/main.ts --embedded --rounds 100    a kill a round, of the app over its embedded stores

import { parseArgs } from 'node:util'
import { embeddedRounds } from './embedded-rounds.ts'
import { openMachine } from './machine.ts'
import { type RoundResult, runRound } from './round.ts'

/** One round in so many has a segment's fence, and takes longer for it. */
const FENCED_EVERY = 8

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    round: { type: 'string' },
    sabotage: { type: 'boolean', default: false },
    embedded: { type: 'boolean', default: false },
  },
})
const only = values.round === undefined ? null : Number(values.round)
const rounds = only === null ? Array.from({ length: Number(values.rounds) }, (_, i) => i + 1) : [only]

if (values.embedded) process.exit((await embeddedRounds(values.seed, rounds.length, values.sabotage)) ? 0 : 1)

console.log(`seed ${values.seed}, ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}`)
const machine = await openMachine().catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
const sums = { events: 0, requests: 0, retries: 0, reads: 0, unknown: 0, restarts: 0, faults: 0 }
let failed = false
for (const round of rounds) {
  const result = await runRound(machine, {
    seed: `${values.seed}/${round}`,
    fenced: round % FENCED_EVERY === 0,
    sabotage: values.sabotage,
  })
  console.log(line(round, result))
  sums.events += result.events
  sums.requests += result.counts.requests
  sums.retries += result.counts.retries
  sums.reads += result.counts.reads
  sums.unknown += result.unknown
  sums.restarts += result.restarts
  sums.faults += result.faults.length
  if (result.violations.length > 0) {
    failed = true
    console.log([...result.violations.slice(0, 10), ...result.logs].join('\n'))
    console.log(`Again: node test/faults/main.ts --seed ${values.seed} --round ${round}`)
    break
  }
}
await machine.close()
console.log(
  `${failed ? 'FAILED' : 'all rounds: acknowledged = billed'}; ` +
    `${sums.events} events in ${sums.requests} requests, ${sums.retries} of them retries; ` +
    `${sums.unknown} events unknown to their sender, resolved at the end; ${sums.reads} reads under faults; ` +
    `${sums.faults} faults, ${sums.restarts} restarts of the app`,
)
process.exit(failed ? 1 : 0)

function line(
  round: number,
  { events, unknown, counts, faults, violations, seconds, options }: RoundResult,
): string {
  const what = [
    `${options.apps} ${options.apps === 1 ? 'app' : 'apps'}`,
    options.fenceSeconds > 0 ? 'fence' : 'no fence',
    options.appendfsync,
  ].join(', ')
  const verdict = violations.length === 0 ? 'ok' : 'MISMATCH'
  return (
    `round ${String(round).padStart(2)}  ${verdict}  ${String(events).padStart(5)} events (${unknown} unknown), ` +
    `${counts.retries} retries, ${counts.reads} reads, ${seconds.toFixed(1)} s  [${what}]  ${faults.join(' · ')}`
  )
}
