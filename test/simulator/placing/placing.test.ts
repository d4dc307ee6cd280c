// Tenants in several databases, moved and spread under seeded faults: see docs/simulator.md. SIMULATE_PLACED says how many schedules
// run, SIMULATE_SEED which. Every deliberate bug is run by `npm run simulate:bugs -- --kind placing`; those that are caught soonest, here.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isFull } from '../../support/effort.ts'
import { catchBug } from '../find-bugs.ts'
import { randomSeed, run } from '../run.ts'
import { type FarEnds, openFarEnds } from '../stores.ts'
import { placingBugs } from './bugs.ts'
import { placing } from './schedule.ts'

const SCHEDULES = Number(process.env.SIMULATE_PLACED || 12)
const STEPS = 40
const seed = process.env.SIMULATE_SEED ? Number(process.env.SIMULATE_SEED) : randomSeed()
const CAUGHT_WITHIN = 100
const TIMEOUT_MS = 1_800_000

let ends: FarEnds
beforeAll(async () => {
  ends = await openFarEnds()
})
afterAll(() => ends.close())

describe('tenants in several databases', () => {
  it(
    `every law holds while they are moved and spread, in ${SCHEDULES} schedules of seed ${seed}`,
    async () => {
      const { failure } = await run(placing, ends, { seed, schedules: SCHEDULES, steps: STEPS })
      expect(failure ?? 'no failure').toBe('no failure')
    },
    TIMEOUT_MS,
  )

  it('the same seed makes the same calls in the same order', async () => {
    const logs: string[][] = [[], []]
    for (const log of logs) {
      for (const schedule of fc.sample(placing.schedules(STEPS), { seed, numRuns: 5 }))
        await placing.run(schedule, ends, undefined, log)
    }
    expect(logs[0]!.length).toBeGreaterThan(50)
    expect(logs[1]).toEqual(logs[0])
  })
})

describe(`a deliberate bug of moves is caught within ${CAUGHT_WITHIN} schedules`, () => {
  it.each(['former homes are not asked', ...(isFull ? ['a bill by an old placement'] : [])])(
    '%s',
    async (name) => {
      const bug = placingBugs.find((one) => one.name === name)!
      const { law } = await catchBug(placing, bug, ends, { seed: 1, limit: CAUGHT_WITHIN, steps: STEPS })
      expect(law).not.toBeNull()
    },
    TIMEOUT_MS,
  )
})
