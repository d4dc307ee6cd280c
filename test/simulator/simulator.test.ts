// The whole of counting and billing under seeded faults: see docs/simulator.md. SIMULATE_SCHEDULES says how many schedules
// run, SIMULATE_SEED which; SIMULATE_BUGS=all switches every deliberate bug on, not only those that are caught soonest, and
// TEST_EFFORT=full some more of them than `npm test` does.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isFull } from '../support/effort.ts'
import { bugs } from './bugs/all.ts'
import { catchBug } from './find-bugs.ts'
import { randomSeed, run } from './run.ts'
import { counting } from './schedule.ts'
import { type FarEnds, openFarEnds } from './stores.ts'

const SCHEDULES = Number(process.env.SIMULATE_SCHEDULES || 24)
const STEPS = 40
const seed = process.env.SIMULATE_SEED ? Number(process.env.SIMULATE_SEED) : randomSeed()
/** Schedules within which each deliberate bug is caught. */
const CAUGHT_WITHIN = 500
const CAUGHT_SOON = [
  'claim before count',
  'other content is a duplicate',
  'a full Redis stays full',
  'a duplicate is logged',
  'settled and live',
  'all hours at once',
  'counts what adds only',
  ...(isFull
    ? ['blocks after the discard', 'a hot block is left', 'no segment id', 'history is billed']
    : []),
]
const switchedOn = bugs.filter(
  ({ name }) => process.env.SIMULATE_BUGS === 'all' || CAUGHT_SOON.includes(name),
)
const TIMEOUT_MS = 1_800_000

let ends: FarEnds
beforeAll(async () => {
  ends = await openFarEnds()
})
afterAll(() => ends.close())

describe('the simulator', () => {
  it(
    `every law holds in ${SCHEDULES} schedules of seed ${seed}`,
    async () => {
      const { failure } = await run(counting, ends, { seed, schedules: SCHEDULES, steps: STEPS })
      expect(failure ?? 'no failure').toBe('no failure')
    },
    TIMEOUT_MS,
  )

  it('the same seed makes the same calls in the same order', async () => {
    const logs: string[][] = [[], []]
    for (const log of logs) {
      for (const schedule of fc.sample(counting.schedules(STEPS), { seed, numRuns: 10 }))
        await counting.run(schedule, ends, undefined, log)
    }
    expect(logs[0]!.length).toBeGreaterThan(100)
    expect(logs[1]).toEqual(logs[0])
  })
})

describe(`a deliberate bug is caught within ${CAUGHT_WITHIN} schedules`, () => {
  it.each(switchedOn.map((bug) => [bug.name, bug] as const))(
    '%s',
    async (_name, bug) => {
      const { law } = await catchBug(counting, bug, ends, { seed: 1, limit: CAUGHT_WITHIN, steps: STEPS })
      expect(law).not.toBeNull()
    },
    TIMEOUT_MS,
  )
})
