// A few rounds of what `node test/faults/main.ts` runs fifty of. They need redis-server and Postgres's programs, and start
// servers of their own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { real } from '../support/redis.ts'
import { isOutage } from './faults.ts'
import { openMachine } from './machine.ts'
import { runRound } from './round.ts'

describe.runIf(real)('real servers under real faults', () => {
  let machine: Awaited<ReturnType<typeof openMachine>>
  beforeAll(async () => {
    machine = await openMachine()
  })
  afterAll(() => machine?.close())

  it.each([
    ['quick/1', 'postgres'],
    ['quick/2', 'folder'],
  ] as const)(
    'what was acknowledged is what is billed and logged (seed %s, log in %s)',
    async (seed, eventLog) => {
      const options = { seed, fenced: false, seconds: 3, eventLog }
      const { violations, events, faults } = await runRound(machine, options)
      expect(violations).toEqual([])
      expect(events).toBeGreaterThan(0)
      expect(faults.length).toBeGreaterThan(0)
    },
  )

  it.each([
    ['counter', /bill, all settled: digits-\d+, calls: \d+, but it must be \d+/],
    ['block', /events, all settled: event-lost\/1-\d+ was acknowledged, but is not in the log/],
  ] as const)('a settled %s that is lost is noticed', async (sabotage, message) => {
    const { violations } = await runRound(machine, { seed: 'lost/1', fenced: false, seconds: 1, sabotage })
    expect(violations.join('\n')).toMatch(message)
  })
})

describe.runIf(real)('two databases, one of them killed and brought back', () => {
  let machine: Awaited<ReturnType<typeof openMachine>>
  beforeAll(async () => {
    machine = await openMachine(2)
  })
  afterAll(() => machine?.close())

  it('what was acknowledged is what is billed and logged, though its tenant is moved all the while', async () => {
    const options = { seed: 'databases/4', fenced: false, seconds: 4 }
    const { violations, faults, moves } = await runRound(machine, options)
    expect(violations).toEqual([])
    expect(faults.filter((name) => isOutage(name) && name.includes('killed'))).not.toEqual([])
    expect(moves).toBeGreaterThan(0)
  })
})
