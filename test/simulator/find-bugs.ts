// Shows that the simulator can fail: switches the deliberate bugs on, one by one, and counts the schedules until each is caught.
// `npm run simulate:bugs -- --seed 1 --limit 500`, with `--only 'no fence'` for one bug (or several, or a part of their names)
// and `--kind billing` for those of one kind. It fails if a bug gets through.

import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { billingBugs } from './billing/bugs/all.ts'
import { invoicing } from './billing/schedule.ts'
import type { Bug } from './bug.ts'
import { bugs } from './bugs/all.ts'
import { placingBugs } from './placing/bugs.ts'
import { placing } from './placing/schedule.ts'
import { counting } from './schedule.ts'
import type { Schedule, Simulation } from './simulation.ts'
import { type FarEnds, openFarEnds } from './stores.ts'
import { Violation } from './violation.ts'

export type Caught = { bug: string; what: string; law: string | null; schedules: number; steps: number }

/** Runs schedules with the bug until one fails. `law: null`: none did. */
export async function catchBug(
  simulation: Simulation,
  bug: Bug,
  ends: FarEnds,
  { seed, limit, steps }: { seed: number; limit: number; steps: number },
): Promise<Caught> {
  let schedules = 0
  let law: string | null = null
  const { switchedOn, assertChanges } = watched(bug)
  const property = fc.asyncProperty(simulation.schedules(steps), async (schedule: Schedule) => {
    schedules++
    await simulation.run(schedule, ends, switchedOn)
  })
  const result = await fc.check(property, { seed, numRuns: limit, endOnFailure: true })
  if (result.failed) {
    const error = result.errorInstance
    if (!(error instanceof Violation)) throw error
    law = error.law
    // Without the bug the same schedule has to pass.
    await simulation.run(result.counterexample![0], ends)
  } else assertChanges()
  return {
    bug: bug.name,
    what: bug.what,
    law,
    schedules,
    steps: result.counterexample?.[0].steps.length ?? 0,
  }
}

/** A bug that replaces a part of a statement which reads otherwise by now is none. */
function watched(bug: Bug): { switchedOn: Bug; assertChanges: () => void } {
  const { sql } = bug
  if (sql === undefined) return { switchedOn: bug, assertChanges: () => {} }
  let changes = 0
  const counted = (statement: string): string => {
    const changed = sql(statement)
    if (changed !== statement) changes++
    return changed
  }
  const assertChanges = () => {
    if (changes === 0) throw new Error(`The bug "${bug.name}" changes no statement that was run`)
  }
  return { switchedOn: { ...bug, sql: counted }, assertChanges }
}

/** Which simulation catches which bugs. */
export const suites: { kind: string; simulation: Simulation; bugs: Bug[] }[] = [
  { kind: 'counting', simulation: counting, bugs },
  { kind: 'billing', simulation: invoicing, bugs: billingBugs },
  { kind: 'placing', simulation: placing, bugs: placingBugs },
]

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      limit: { type: 'string', default: '500' },
      steps: { type: 'string', default: '40' },
      only: { type: 'string', multiple: true, default: [''] },
      kind: { type: 'string' },
    },
  })
  const chosen = suites
    .filter(({ kind }) => values.kind === undefined || kind === values.kind)
    .map(({ simulation, bugs }) => ({
      simulation,
      bugs: bugs.filter(({ name }) => values.only.some((part) => name.includes(part))),
    }))
  if (chosen.every(({ bugs }) => bugs.length === 0)) throw new Error('There is no such bug')
  const ends = await openFarEnds()
  console.log('| bug | what is wrong | the law that fails | schedules until caught |\n|---|---|---|---|')
  for (const { simulation, bugs } of chosen) {
    for (const bug of bugs) {
      const caught = await catchBug(simulation, bug, ends, {
        seed: Number(values.seed),
        limit: Number(values.limit),
        steps: Number(values.steps),
      })
      if (caught.law === null) process.exitCode = 1
      console.log(
        `| ${caught.bug} | ${caught.what} | ${caught.law ?? '**not caught**'} | ${caught.schedules} |`,
      )
    }
  }
  await ends.close()
}
