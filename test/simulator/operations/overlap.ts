// A read is held up between its calls while the aggregator runs to its end under it: where bills of two stores go wrong.

import fc from 'fast-check'
import { type Pace, smoothly } from '../stage.ts'
import type { World } from '../world.ts'
import { events } from './events.ts'
import { flush } from './flush.ts'
import { operation, some } from './operation.ts'
import { bill, readGroups, readUsage } from './read.ts'
import { send } from './send.ts'

type Reading = { isolate: number; tenant: number; customer: number; onlyDigits: boolean; pace: Pace }
const readers: ((world: World, input: Reading) => Promise<void>)[] = [
  (world, input) => bill.run(world, input),
  (world, input) => readUsage.run(world, { ...input, customers: 1 }),
  (world, input) => readGroups.run(world, input),
  (world, { onlyDigits, ...input }) =>
    events.run(world, { ...input, ofOne: onlyDigits, order: 'desc', limit: 100 }),
]

const sent = { lenient: false, deaf: false, pace: smoothly }
const event = {
  ...{ gauge: false, user: 1, value: 2, change: 0, minutesAgo: 0 as const },
  ...{ timeless: false, nameless: false, stolen: null, doubled: false },
}

export const overlap = operation({
  name: 'overlap',
  weight: 6,
  arbitrary: fc.record({
    reader: fc.nat(readers.length - 1),
    /** that go through before the aggregator runs */
    calls: fc.nat(3),
    isolate: some,
    aggregator: some,
    tenant: some,
    customer: some,
    onlyDigits: fc.boolean(),
    afterMs: fc.constantFrom(0, 76_000, 76_000, 76_000),
  }),
  async run(world, { reader, calls, isolate, aggregator, tenant, customer, onlyDigits, afterMs }) {
    // Something of this customer is under way.
    if (afterMs > 0) await send.run(world, { ...sent, isolate, tenant, events: [{ ...event, customer }] })
    const before = new Set(world.network.parked)
    const pace = { fates: Array<'ok'>(calls).fill('ok'), rest: 'parked' as const }
    world.wait(afterMs)
    await readers[reader]!(world, { isolate, tenant, customer, onlyDigits, pace })
    const held = world.network.parked.find((call) => !before.has(call))
    await flush.run(world, {
      isolate: aggregator,
      leaseMs: 0,
      retryQuarantined: false,
      afterMs: 0,
      pace: { fates: [], rest: 'ok' },
    })
    if (held) await world.finish(held.actor)
  },
})
