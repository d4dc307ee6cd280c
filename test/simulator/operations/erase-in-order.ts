// Steps of an erasure that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { EXTRA_METERS } from '../plan.ts'
import { smoothly } from '../stage.ts'
import type { World } from '../world.ts'
import { erasing, erasingRun } from './erase.ts'
import { events } from './events.ts'
import { postgresImage } from './faults.ts'
import { flush } from './flush.ts'
import { meters } from './meters.ts'
import { operation, some } from './operation.ts'
import { reoffer } from './repair.ts'
import { filling } from './revise.ts'
import { send } from './send.ts'

const settling = { leaseMs: 0, retryQuarantined: false, pace: smoothly } as const

/**
 * A customer's events are erased while they are hot; while a run of the aggregator that has read them is held up, and another one
 * settles them; while a meter that reaches back owes them; or Postgres is put back to before it.
 */
export const eraseUnder = operation({
  name: 'erase-under',
  weight: 2,
  arbitrary: fc.record({
    isolate: some,
    send: send.arbitrary,
    order: fc.constantFrom('hot', 'held', 'put back', 'owed'),
    /** of the run that is held up */
    calls: fc.constantFrom(2, 2, 3),
  }),
  async run(world, { isolate, send: sent, order, calls }) {
    const { tenant } = sent
    await send.run(world, { ...sent, deaf: false, pace: smoothly })
    const event = world.oracle.batches.at(-1)?.events[0]
    if (event === undefined) return
    const which = world.oracle.customersOf(world.tenant(tenant).number).indexOf(event.customer)
    const erase = async () => {
      if (which === -1) return
      await erasing.run(world, { isolate: isolate + 1, tenant, which, again: false, pace: smoothly })
      const all = { customer: 0, ofOne: false, order: 'desc', limit: 100 } as const
      await events.run(world, { isolate, tenant, ...all, pace: smoothly })
    }
    if (order === 'held') return heldUp(world, { isolate, calls, erase })
    if (order === 'put back') {
      if (!world.goesBack('postgres')) return
      await flush.run(world, { isolate, afterMs: 76_000, ...settling })
      await postgresImage.run(world, {})
      await erase()
      await world.restorePostgres()
      await reoffer.run(world, { isolate, pace: smoothly })
    } else if (order === 'owed') {
      const n = EXTRA_METERS - 1
      if (world.extras.some((extra) => extra.tenant === event.tenant && extra.n === n)) return
      await flush.run(world, { isolate, afterMs: 76_000, ...settling })
      await meters.run(world, { isolate, tenant, n, pace: smoothly })
      await erase()
      await erasingRun.run(world, { isolate, pace: smoothly })
      await filling.run(world, { isolate, pace: smoothly })
    } else {
      await erase()
      await flush.run(world, { isolate, afterMs: 76_000, ...settling })
    }
    await erasingRun.run(world, { isolate, pace: smoothly })
  },
})

type Held = { isolate: number; calls: number; erase: () => Promise<void> }

async function heldUp(world: World, { isolate, calls, erase }: Held): Promise<void> {
  const before = new Set(world.network.parked)
  const pace = { fates: Array<'ok'>(calls).fill('ok'), rest: 'parked' as const }
  await flush.run(world, { isolate, afterMs: 76_000, ...settling, pace })
  const held = world.network.parked.find((call) => !before.has(call))
  await flush.run(world, { isolate: isolate + 1, afterMs: 0, ...settling })
  await erase()
  if (held) await world.finish(held.actor)
}
