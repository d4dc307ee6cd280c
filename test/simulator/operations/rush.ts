// Several clients send batches of one tenant to one isolate at once, some with an id that is taken: where calls are joined, the
// ones that come while the first is under way share the next.

import fc from 'fast-check'
import { operation, some } from './operation.ts'
import { eventFields, send } from './send.ts'

const PARKED = { fates: [], rest: 'parked' as const }
/** More than a rush has calls. */
const DELIVERIES = 30

const batches = fc.array(
  fc.record({
    events: fc.array(fc.record({ ...eventFields, stolen: fc.option(some, { freq: 2 }) }), {
      minLength: 1,
      maxLength: 3,
      size: 'max',
    }),
    lenient: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 3, maxLength: 5, size: 'max' },
)

export const rush = operation({
  name: 'rush',
  weight: 5,
  arbitrary: fc.record({ isolate: some, tenant: some, batches }),
  async run(world, { isolate, tenant, batches }) {
    const { network } = world
    const { number } = world.isolate(isolate)
    for (const batch of batches)
      await send.run(world, { isolate, tenant, ...batch, deaf: false, pace: PARKED })
    const next = () => network.parked.find(({ actor, answer }) => actor.isolate === number && answer !== null)
    for (let i = 0, call = next(); call && i < DELIVERIES; i++, call = next())
      await network.deliver(call.actor, 'ok')
  },
})
