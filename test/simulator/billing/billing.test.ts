// A year of invoices under seeded faults: see docs/simulator.md. SIMULATE_YEARS says how many schedules run, SIMULATE_SEED
// which. Every deliberate bug of billing is run by `npm run simulate:bugs -- --kind billing`; those that are caught soonest, here.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { catchBug } from '../find-bugs.ts'
import { randomSeed, run } from '../run.ts'
import { type FarEnds, openFarEnds } from '../stores.ts'
import { billingBugs } from './bugs/all.ts'
import { laws } from './laws.ts'
import { invoicing } from './schedule.ts'

const SCHEDULES = Number(process.env.SIMULATE_YEARS || 8)
const STEPS = 40
const seed = process.env.SIMULATE_SEED ? Number(process.env.SIMULATE_SEED) : randomSeed()
const CAUGHT_WITHIN = 30
const TIMEOUT_MS = 1_800_000

let ends: FarEnds
beforeAll(async () => {
  ends = await openFarEnds()
})
afterAll(() => ends.close())

describe('a year of invoices', () => {
  it(
    `every unit is billed once, and every period has one invoice, in ${SCHEDULES} schedules of seed ${seed}`,
    async () => {
      const { failure } = await run(invoicing, ends, { seed, schedules: SCHEDULES, steps: STEPS })
      expect(failure ?? 'no failure').toBe('no failure')
    },
    TIMEOUT_MS,
  )

  it('the same seed makes the same calls in the same order', async () => {
    const logs: string[][] = [[], []]
    for (const log of logs) {
      for (const schedule of fc.sample(invoicing.schedules(STEPS), { seed, numRuns: 3 }))
        await invoicing.run(schedule, ends, undefined, log)
    }
    expect(logs[0]!.length).toBeGreaterThan(20)
    expect(logs[1]).toEqual(logs[0])
  })
})

describe(`a deliberate bug of billing is caught within ${CAUGHT_WITHIN} schedules`, () => {
  it.each([
    ['final when it is issued', laws.once],
    ['only what is settled', laws.once],
    ['a number before the write', laws.numbers],
  ])(
    '%s',
    async (name, law) => {
      const bug = billingBugs.find((one) => one.name === name)!
      const caught = await catchBug(invoicing, bug, ends, { seed: 1, limit: CAUGHT_WITHIN, steps: STEPS })
      expect(caught.law).toBe(law)
    },
    TIMEOUT_MS,
  )
})
