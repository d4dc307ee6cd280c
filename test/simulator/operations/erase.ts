// Actors: a customer's events are to be erased, and the job takes them out of the blocks, while everything else goes on.

import fc from 'fast-check'
import { askErasure } from '../../../src/log/ask-erasure.ts'
import { eraseEvents } from '../../../src/log/erase-events.ts'
import { sweepBlocks } from '../../../src/log/sweep-blocks.ts'
import { smoothly } from '../stage.ts'
import { laws, Violation } from '../violation.ts'
import type { World } from '../world.ts'
import { operation, pace, some } from './operation.ts'

export const erasing = operation({
  name: 'erase',
  weight: 3,
  arbitrary: fc.record({
    isolate: some,
    tenant: some,
    which: some,
    /** the same request again */
    again: fc.constantFrom(false, false, false, true),
    pace,
  }),
  async run(world, { isolate: number, tenant: which, which: one, again, pace }) {
    const isolate = world.isolate(number)
    const tenant = world.tenant(which)
    const customers = world.oracle.customersOf(tenant.number)
    const customer = customers[one % Math.max(1, customers.length)]
    if (customer === undefined) return
    const last = world.erasures.asked.findLast((asked) => asked.tenant === tenant.number)
    const erasure = again && last ? last : world.erasures.ask(tenant.number, customer)
    const { rollbacks } = world.oracle
    await world.start('erase', isolate, pace, async () => {
      const { services } = isolate
      const erasures = world.erasures.hearing(erasure, services.erasures)
      const asking = { tenantId: tenant.id, newId: () => erasure.id }
      await askErasure({ ...services, erasures }, asking, erasure.customer)
      world.erasures.answered(erasure, rollbacks !== world.oracle.rollbacks)
    })
  },
})

export const erasingRun = operation({
  name: 'erase-run',
  weight: 3,
  arbitrary: fc.record({ isolate: some, pace }),
  async run(world, { isolate: number, pace }) {
    const isolate = world.isolate(number)
    await world.start('erase run', isolate, pace, async () => {
      await eraseEvents(isolate.services)
    })
  },
})

const RUNS = 50

/** In the end: until nothing is left to be erased, and no block that nothing names. */
export async function eraseAll(world: World): Promise<void> {
  if (world.erasures.asked.length === 0) return
  const { services } = world.isolate(0)
  await world.start('erase all', world.isolate(0), smoothly, async () => {
    for (let run = 0; (await eraseEvents(services)).more; run++)
      if (run > RUNS) throw new Violation(laws.erased, `after ${RUNS} runs something is left`)
    await sweepBlocks(services)
  })
  world.check()
}
