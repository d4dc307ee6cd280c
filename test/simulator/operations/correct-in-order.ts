// Steps of a correction that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { smoothly } from '../stage.ts'
import { entering, voiding } from './correct.ts'
import { flush } from './flush.ts'
import { operation, some } from './operation.ts'
import { readUsage } from './read.ts'
import { send } from './send.ts'

const settling = { leaseMs: 0, retryQuarantined: false, afterMs: 76_000, pace: smoothly } as const

/**
 * An event is settled and then voided, and that is held up between two of its calls: while the job enters it first, or the event
 * is voided once more, or an event like it is settled into the same counters. Then it goes on, and all meters are read.
 */
export const correctUnder = operation({
  name: 'correct-under',
  weight: 5,
  arbitrary: fc.record({
    isolate: some,
    send: send.arbitrary,
    /** that go through before: the last ones are those that compute the act and enter it */
    calls: fc.constantFrom(5, 7, 9, 9, 10, 10, 10, 10, 11, 12, 13, 13),
    between: fc.constantFrom('nothing', 'enter', 'void', 'void', 'settle'),
  }),
  async run(world, { isolate, send: drawn, calls, between }) {
    const { tenant } = drawn
    const [first] = drawn.events
    const event = { ...first!, nameless: false, stolen: null, doubled: false }
    const sent = { ...drawn, events: [event], deaf: false, pace: smoothly }
    await send.run(world, sent)
    await flush.run(world, { isolate, ...settling })
    const ids = world.oracle.identitiesOf(world.tenant(tenant).number)
    const void_ = { isolate, tenant, which: ids.length - 1 }
    const before = new Set(world.network.parked)
    await voiding.run(world, { ...void_, pace: { fates: Array<'ok'>(calls).fill('ok'), rest: 'parked' } })
    const held = world.network.parked.find((call) => !before.has(call))
    const other = isolate + 1
    if (between === 'enter') await entering.run(world, { isolate: other, pace: smoothly })
    if (between === 'void') await voiding.run(world, { ...void_, isolate: other, pace: smoothly })
    if (between === 'settle') {
      await send.run(world, { ...sent, isolate: other })
      await flush.run(world, { isolate: other, ...settling })
    }
    if (held) await world.finish(held.actor)
    const { customer } = event
    await readUsage.run(world, {
      ...{ isolate, tenant, customer },
      ...{ customers: 1, onlyDigits: false, pace: smoothly },
    })
  },
})
