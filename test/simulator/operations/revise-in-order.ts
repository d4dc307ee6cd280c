// A meter is revised between two events of one segment, filled before or after they are settled, and read by the hour.

import fc from 'fast-check'
import { smoothly } from '../stage.ts'
import { flush } from './flush.ts'
import { operation } from './operation.ts'
import { filling, readRevised, revising } from './revise.ts'
import { send } from './send.ts'

const settling = { leaseMs: 0, retryQuarantined: false, afterMs: 76_000, pace: smoothly } as const

export const reviseUnder = operation({
  name: 'revise-under',
  weight: 2,
  arbitrary: fc.record({
    revise: revising.arbitrary,
    send: send.arbitrary,
    order: fc.constantFrom('hot', 'settled', 'half'),
  }),
  async run(world, { revise, send: drawn, order }) {
    if (!world.setup.revised) return
    const { tenant, isolate } = revise
    const gauge = { gauge: true, nameless: false, stolen: null, minutesAgo: 0 as const }
    const [first] = drawn.events
    const sent = {
      ...{ ...drawn, tenant, deaf: false, pace: smoothly },
      events: [{ ...first!, ...gauge }],
    }
    await send.run(world, sent)
    await revising.run(world, { ...revise, hoursAgo: 1, pace: smoothly })
    await send.run(world, sent)
    const isolates = [isolate, isolate + 1]
    for (const one of isolates) {
      if (order !== 'hot') await flush.run(world, { isolate: one, ...settling })
      await filling.run(world, { isolate: one, pace: smoothly })
      if (order === 'half') await send.run(world, { ...sent, isolate: one })
    }
    await readRevised.run(world, {
      ...{ isolate, tenant, customer: first!.customer, meter: revise.meter },
      ...{ history: false, pace: smoothly },
    })
  },
})
