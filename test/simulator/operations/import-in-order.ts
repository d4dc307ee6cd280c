// An import that is sent again when the ids of its events are long forgotten, and only the log knows them.

import fc from 'fast-check'
import { smoothly } from '../stage.ts'
import { flush } from './flush.ts'
import { importing, sendImport } from './import.ts'
import { operation, some } from './operation.ts'
import { readUsage } from './read.ts'

export const importAgainLater = operation({
  name: 'import-again-later',
  weight: 1,
  arbitrary: fc.record({
    import: importing.arbitrary,
    flush: flush.arbitrary,
    isolate: some,
    history: fc.boolean(),
    isSettled: fc.boolean(),
  }),
  async run(world, { import: first, flush: run, isolate, history, isSettled }) {
    // What waits to be joined with others would be recorded long after its window, in a call that is new.
    if (world.setup.coalesce && world.network.parked.some(({ name }) => name === 'record')) return
    const { tenant } = first
    const before = world.oracle.batches.length
    await importing.run(world, { ...first, pace: smoothly })
    const batch = world.oracle.batches[before]
    if (batch === undefined || world.missingSinceMs !== null) return
    if (isSettled) await flush.run(world, { ...run, leaseMs: 0, afterMs: 76_000, pace: smoothly })
    // A generation of ids is closed by the first call after its window, and is known for one more.
    for (let window = 0; window < 2; window++) {
      world.wait(world.limits.dedupeWindowMs + 60_000)
      await importing.run(world, { ...first, again: [], events: first.events.slice(0, 1), pace: smoothly })
    }
    const events = batch.events.filter(({ id }) => id.variants.every((one) => !world.erasures.concern(one)))
    if (events.length === 0) return
    await sendImport(world, world.isolate(isolate), { events, history, lines: first.lines, pace: smoothly })
    const customer = 0
    await readUsage.run(world, { isolate, tenant, customer, customers: 1, onlyDigits: false, pace: smoothly })
  },
})
