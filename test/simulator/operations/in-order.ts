// Steps that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { smoothly } from '../stage.ts'
import { postgresImage } from './faults.ts'
import { flush } from './flush.ts'
import { meters } from './meters.ts'
import { operation, some } from './operation.ts'
import { readUsage } from './read.ts'
import { reoffer } from './repair.ts'
import { send } from './send.ts'

/**
 * What is open is settled, and then a replica takes over on which it is open still, and which lacks what came in meanwhile;
 * events go on.
 */
export const failover = operation({
  name: 'failover',
  weight: 3,
  arbitrary: fc.record({
    flush: flush.arbitrary,
    lost: fc.array(send.arbitrary, { maxLength: 2, size: 'max' }),
    send: send.arbitrary,
  }),
  async run(world, input) {
    if (!world.goesBack('redis')) return
    const image = { redis: await world.redis.image(), at: world.oracle.now, atMs: world.time.nowMs }
    await flush.run(world, input.flush)
    for (const one of input.lost) await send.run(world, one)
    await world.rollBack(image)
    await send.run(world, input.send)
  },
})

/**
 * What one isolate counts is settled, and it dies; what another one counts is not; and Redis goes back to before both. It has
 * forgotten the one's, and lost the other's.
 */
export const lossBehindDeath = operation({
  name: 'loss-behind-death',
  weight: 3,
  arbitrary: fc.record({ settled: send.arbitrary, lost: send.arbitrary }),
  async run(world, { settled, lost }) {
    if (!world.goesBack('redis')) return
    const image = { redis: await world.redis.image(), at: world.oracle.now, atMs: world.time.nowMs }
    const { isolate, tenant, events } = settled
    const kind = { gauge: events[0]!.gauge }
    await send.run(world, { ...settled, pace: smoothly })
    await flush.run(world, {
      isolate,
      leaseMs: 0,
      retryQuarantined: false,
      afterMs: 76_000,
      pace: smoothly,
    })
    world.kill(world.isolate(isolate).number)
    await send.run(world, {
      ...lost,
      isolate: isolate + 1,
      tenant,
      events: lost.events.map((event) => ({ ...event, ...kind })),
      pace: smoothly,
    })
    await world.rollBack(image)
  },
})

/** Postgres is put back under a run of the aggregator, and what is kept is offered again before that run goes on. */
export const restoreUnderFlush = operation({
  name: 'restore-under-flush',
  weight: 3,
  arbitrary: fc.record({ isolate: some, send: send.arbitrary, calls: fc.constantFrom(2, 3, 3, 3, 4) }),
  async run(world, { isolate, send: sent, calls }) {
    if (!world.goesBack('postgres')) return
    await postgresImage.run(world, {})
    await send.run(world, sent)
    const before = new Set(world.network.parked)
    await flush.run(world, {
      isolate,
      leaseMs: 0,
      retryQuarantined: false,
      afterMs: 76_000,
      pace: { fates: Array<'ok'>(calls).fill('ok'), rest: 'parked' },
    })
    const held = world.network.parked.find((call) => !before.has(call))
    await world.restorePostgres()
    await reoffer.run(world, { isolate: isolate + 1, pace: smoothly })
    if (held) await world.network.deliver(held.actor, 'ok')
  },
})

/** One isolate knows the meters, another one changes them, and the first one is sent events. */
export const changeBehind = operation({
  name: 'change-behind',
  weight: 3,
  arbitrary: fc.record({ meters: meters.arbitrary, send: send.arbitrary, customer: some }),
  async run(world, input) {
    const { tenant } = input.meters
    const isolate = input.meters.isolate + 1
    await readUsage.run(world, {
      isolate,
      tenant,
      customer: input.customer,
      customers: 1,
      onlyDigits: false,
      pace: smoothly,
    })
    await meters.run(world, input.meters)
    await send.run(world, { ...input.send, isolate, tenant })
  },
})
