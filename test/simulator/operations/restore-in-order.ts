// Steps of a restore that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { smoothly } from '../stage.ts'
import { voiding } from './correct.ts'
import { postgresImage } from './faults.ts'
import { flush } from './flush.ts'
import { operation, some } from './operation.ts'
import { reoffer } from './repair.ts'
import { send } from './send.ts'

const settling = { leaseMs: 0, retryQuarantined: false, afterMs: 76_000, pace: smoothly } as const

/** An event is voided, hot or settled, after a backup of Postgres was made; which is then put back, and offered all again. */
export const restoreUnderVoid = operation({
  name: 'restore-under-void',
  weight: 2,
  arbitrary: fc.record({
    isolate: some,
    send: send.arbitrary,
    isSettled: fc.boolean(),
    isEarly: fc.boolean(),
  }),
  async run(world, { isolate, send: drawn, isSettled, isEarly }) {
    if (!world.goesBack('postgres')) return
    const event = { ...drawn.events[0]!, nameless: false, stolen: null, doubled: false }
    if (isEarly) await postgresImage.run(world, {})
    await send.run(world, { ...drawn, events: [event], deaf: false, pace: smoothly })
    if (isSettled) await flush.run(world, { isolate, ...settling })
    if (!isEarly) await postgresImage.run(world, {})
    const { tenant } = drawn
    const which = world.oracle.identitiesOf(world.tenant(tenant).number).length - 1
    await voiding.run(world, { isolate, tenant, which, pace: smoothly })
    await world.restorePostgres()
    await reoffer.run(world, { isolate: isolate + 1, pace: smoothly })
  },
})
