// A few rounds of what `node test/faults/main.ts` runs fifty of. They need redis-server and Postgres's programs, and start
// servers of their own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { real } from '../support/redis.ts'
import { openMachine } from './machine.ts'
import { runRound } from './round.ts'

describe.runIf(real)('real servers under real faults', () => {
  let machine: Awaited<ReturnType<typeof openMachine>>
  beforeAll(async () => {
    machine = await openMachine()
  })
  afterAll(() => machine?.close())

  it.each(['quick/1', 'quick/2'])('what was acknowledged is what is billed (seed %s)', async (seed) => {
    const { violations, events, faults } = await runRound(machine, { seed, fenced: false, seconds: 3 })
    expect(violations).toEqual([])
    expect(events).toBeGreaterThan(0)
    expect(faults.length).toBeGreaterThan(0)
  })

  it('a settled counter that is lost is noticed', async () => {
    const { violations } = await runRound(machine, {
      seed: 'lost/1',
      fenced: false,
      seconds: 1,
      sabotage: true,
    })
    expect(violations.join('\n')).toMatch(/bill, all settled: digits-\d+, calls: \d+, but it must be \d+/)
  })
})
