// The app on Node against real servers, under load, while processes are killed and wires cut: what was acknowledged is what
// is billed, at the end of every round.
//   node test/faults/main.ts --rounds 50 --seed 1       a failed round prints how to repeat it
//   node test/faults/main.ts --round 17 --seed 1        that round only
//   node test/faults/main.ts --databases 2            two of them hold the counters, and the tenant is moved between them
//   node test/faults/main.ts --embedded --rounds 100    a kill a round, of the app over its embedded stores

import { parseArgs } from 'node:util'
import { embeddedRounds } from './embedded-rounds.ts'
import { isOutage } from './faults.ts'
import { openMachine } from './machine.ts'
import { type RoundResult, runRound, type Sabotage, sabotages } from './round.ts'

/** One round in so many has a segment's fence, and takes longer for it. */
const FENCED_EVERY = 8

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    round: { type: 'string' },
    sabotage: { type: 'string' },
    'event-log': { type: 'string' },
    embedded: { type: 'boolean', default: false },
    databases: { type: 'string', default: '1' },
  },
})
const only = values.round === undefined ? null : Number(values.round)
const rounds = only === null ? Array.from({ length: Number(values.rounds) }, (_, i) => i + 1) : [only]

const sabotage = values.embedded ? undefined : oneOf('sabotage', Object.keys(sabotages) as Sabotage[])
const eventLog = oneOf('event-log', ['postgres', 'folder'])

if (values.embedded)
  process.exit(
    (await embeddedRounds(values.seed, rounds.length, oneOf('sabotage', ['file']) !== undefined)) ? 0 : 1,
  )

console.log(`seed ${values.seed}, ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}`)
const machine = await openMachine(Number(values.databases)).catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
const sums = {
  events: 0,
  requests: 0,
  retries: 0,
  reads: 0,
  logReads: 0,
  unknown: 0,
  restarts: 0,
  faults: 0,
  moves: 0,
  outages: 0,
}
let failed = false
for (const round of rounds) {
  const result = await runRound(machine, {
    seed: `${values.seed}/${round}`,
    fenced: round % FENCED_EVERY === 0,
    sabotage: sabotage ?? null,
    eventLog,
  })
  console.log(line(round, result))
  sums.events += result.events
  sums.requests += result.counts.requests
  sums.retries += result.counts.retries
  sums.reads += result.counts.reads
  sums.logReads += result.counts.logReads
  sums.unknown += result.unknown
  sums.restarts += result.restarts
  sums.faults += result.faults.length
  sums.moves += result.moves
  sums.outages += result.faults.filter(isOutage).length
  if (result.violations.length > 0) {
    failed = true
    console.log([...result.violations.slice(0, 10), ...result.logs].join('\n'))
    console.log(`Again: node test/faults/main.ts --seed ${values.seed} --round ${round}`)
    break
  }
}
await machine.close()
console.log(
  `${failed ? 'FAILED' : 'all rounds: acknowledged = billed = in the log'}; ` +
    `${sums.events} events in ${sums.requests} requests, ${sums.retries} of them retries; ` +
    `${sums.unknown} events unknown to their sender, resolved at the end; ${sums.reads} bills and totals and ${sums.logReads} customers’ events read under faults; ` +
    `${sums.faults} faults, ${sums.restarts} restarts of the app${sums.moves > 0 ? `, ${sums.moves} moves of the tenant; a database was killed or ended and brought back ${sums.outages} times` : ''}`,
)
process.exit(failed ? 1 : 0)

function line(
  round: number,
  { events, unknown, counts, moves, faults, violations, seconds, options }: RoundResult,
): string {
  const what = [
    `${options.apps} ${options.apps === 1 ? 'app' : 'apps'}`,
    options.fenceSeconds > 0 ? 'fence' : 'no fence',
    options.appendfsync,
    `log in ${options.eventLog}`,
    ...(moves > 0 ? [`${moves} moves`] : []),
  ].join(', ')
  const verdict = violations.length === 0 ? 'ok' : 'MISMATCH'
  return (
    `round ${String(round).padStart(2)}  ${verdict}  ${String(events).padStart(5)} events (${unknown} unknown), ` +
    `${counts.retries} retries, ${counts.reads} + ${counts.logReads} reads, ${seconds.toFixed(1)} s  [${what}]  ${faults.join(' · ')}`
  )
}

function oneOf<T extends string>(name: 'sabotage' | 'event-log', known: T[]): T | undefined {
  const value = values[name]
  if (value === undefined || (known as string[]).includes(value)) return value as T | undefined
  console.error(`--${name} is one of ${known.join(', ')}`)
  process.exit(1)
}
