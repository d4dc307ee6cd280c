// Steps of moves that matter in just this order, and would seldom be drawn in it.

import fc from 'fast-check'
import { PLACEMENT_MAX_AGE_MS } from '../../../src/access/placement-cache.ts'
import { postgresImage } from '../operations/faults.ts'
import { operation, some } from '../operations/operation.ts'
import { bill } from '../operations/read.ts'
import { reoffer } from '../operations/repair.ts'
import { retry } from '../operations/retry.ts'
import { send } from '../operations/send.ts'
import { type Pace, smoothly } from '../stage.ts'
import type { RedisImage } from '../world.ts'
import { imageOf } from './faults.ts'
import { move } from './move.ts'
import type { PlacedWorld } from './world.ts'

/** So many calls of an actor go through, and the next one waits. */
const heldAfter = (calls: number): Pace => ({ fates: Array<'ok'>(calls).fill('ok'), rest: 'parked' })

/**
 * One isolate knows where a tenant is, and what it sends is late, or its answer is lost; another one moves the tenant, is perhaps killed
 * between two of its calls, and is sent the same batch; then the late call arrives.
 */
export const retryBehindMove = operation({
  name: 'retry-behind-move',
  weight: 4,
  arbitrary: fc.record({
    send: send.arbitrary,
    move: move.arbitrary,
    fate: fc.constantFrom('late', 'reply_lost', 'ok'),
    /** of the mover's calls, before it is held up; then it is killed, or goes on in the end */
    calls: fc.constantFrom(3, 4, 5, 6, 99),
    killed: fc.boolean(),
  }),
  async run(world: PlacedWorld, { send: sent, move: moved, fate, calls, killed }) {
    const { isolate, tenant } = sent
    await bill.run(world, { isolate, tenant, customer: 0, pace: smoothly })
    const before = new Set(world.network.parked)
    const of = { isolate: isolate + 1, tenant }
    if (fate === 'late') await send.run(world, { ...sent, pace: heldAfter(0) })
    else await send.run(world, { ...sent, pace: { fates: [fate], rest: 'ok' } })
    const held = world.network.parked.find((call) => !before.has(call))
    await move.run(world, { ...moved, ...of, pace: heldAfter(calls) })
    const mover = world.network.parked.find(({ actor }) => actor.name === 'move')
    if (mover && killed) world.kill(mover.actor.isolate)
    await retry.run(world, { ...of, which: 0, answeredToo: true, deaf: false, pace: smoothly })
    if (held) await world.finish(held.actor)
    if (mover && !killed) await world.finish(mover.actor)
    await retry.run(world, { ...of, which: 0, answeredToo: true, deaf: false, pace: smoothly })
  },
})

/** A bill is held up between its calls while the tenant is moved, events come in at its new home, and are billed by another isolate. */
export const billUnderMove = operation({
  name: 'bill-under-move',
  weight: 4,
  arbitrary: fc.record({
    isolate: some,
    customer: some,
    before: send.arbitrary,
    move: move.arbitrary,
    after: send.arbitrary,
    calls: fc.nat(3),
  }),
  async run(world: PlacedWorld, { isolate, customer, before: sent, move: moved, after, calls }) {
    const { tenant } = sent
    await send.run(world, { ...sent, pace: smoothly })
    const parked = new Set(world.network.parked)
    const reader = { isolate, tenant, customer }
    await bill.run(world, { ...reader, pace: smoothly })
    await bill.run(world, { ...reader, pace: heldAfter(calls) })
    const held = world.network.parked.find((call) => !parked.has(call))
    await move.run(world, { ...moved, isolate: isolate + 1, tenant, pace: smoothly })
    await send.run(world, { ...after, isolate: isolate + 1, tenant, pace: smoothly })
    await bill.run(world, { ...reader, customer: after.events[0]!.customer, pace: smoothly })
    if (held) await world.finish(held.actor)
  },
})

/** Postgres is put back to before moves between which events came in; others go on, with what they have cached, and what was sent comes again. */
export const restoreUnderMoves = operation({
  name: 'restore-under-moves',
  weight: 4,
  arbitrary: fc.record({
    isolate: some,
    before: send.arbitrary,
    moves: fc.array(fc.record({ move: move.arbitrary, send: send.arbitrary }), {
      minLength: 1,
      maxLength: 3,
    }),
    again: move.arbitrary,
    offered: fc.boolean(),
    which: fc.array(some, { minLength: 1, maxLength: 4, size: 'max' }),
  }),
  async run(world: PlacedWorld, { isolate, before, moves, again, offered, which }) {
    if (!world.goesBack('postgres')) return
    const { tenant } = before
    await postgresImage.run(world, {})
    await send.run(world, { ...before, pace: smoothly })
    for (const one of moves) {
      await move.run(world, { ...one.move, tenant, pace: smoothly })
      await send.run(world, { ...one.send, tenant, isolate, pace: smoothly })
    }
    await world.restorePostgres()
    world.kill(world.isolate(isolate + 1).number)
    if (offered) await reoffer.run(world, { isolate: isolate + 1, pace: smoothly })
    const retrying = { answeredToo: true, deaf: false, pace: smoothly }
    for (const [i, one] of which.entries()) {
      await retry.run(world, { ...retrying, isolate: isolate + 1 + i, which: one })
      if (i === 0) await move.run(world, { ...again, tenant, isolate: isolate + 1 })
    }
  },
})

/**
 * Postgres and all databases but the one of the new home are put back to before a move; what is kept is offered again, and bills have to be
 * right as soon as nobody goes by what was cached before.
 */
export const forgottenMove = operation({
  name: 'forgotten-move',
  weight: 4,
  arbitrary: fc.record({
    before: send.arbitrary,
    move: move.arbitrary,
    after: send.arbitrary,
    later: send.arbitrary,
  }),
  async run(world: PlacedWorld, { before, move: moved, after, later }) {
    if (!world.goesBack('postgres') || !world.goesBack('redis')) return
    const { tenant, isolate } = before
    const of = { tenant, deaf: false, pace: smoothly }
    await postgresImage.run(world, {})
    const images: RedisImage[] = []
    for (const which of world.databases.keys()) images.push(await imageOf(world, which))
    await send.run(world, { ...before, ...of })
    await move.run(world, { ...moved, ...of })
    await send.run(world, { ...after, ...of })
    const home = await world.homeDatabase(world.tenant(tenant).id)
    await world.restorePostgres()
    for (const image of images) if (image.database !== home) await world.rollBack(image)
    for (const { number } of [...world.isolates]) world.kill(number)
    await send.run(world, { ...later, ...of })
    await reoffer.run(world, { isolate, pace: smoothly })
    world.wait(PLACEMENT_MAX_AGE_MS)
    for (const { customer } of [...after.events, ...later.events])
      await bill.run(world, { ...of, isolate, customer })
  },
})

/**
 * Postgres is put back to before two moves, of which the first home knows one alone: so there come to be two placements of one version, one
 * in the cache of an isolate, and one that Postgres makes of what it is told. Both isolates go on.
 */
export const twoOfOneVersion = operation({
  name: 'two-of-one-version',
  weight: 4,
  arbitrary: fc.record({
    before: send.arbitrary,
    first: move.arbitrary,
    second: move.arbitrary,
    one: send.arbitrary,
    other: send.arbitrary,
  }),
  async run(world: PlacedWorld, { before, first, second, one, other }) {
    if (!world.goesBack('postgres')) return
    const { tenant, isolate } = before
    const of = { tenant, deaf: false, pace: smoothly }
    await postgresImage.run(world, {})
    await send.run(world, { ...before, ...of })
    await move.run(world, { ...first, ...of, isolate, over: 1, to: second.to + 1 })
    await send.run(world, { ...before, ...of })
    await move.run(world, { ...second, ...of, isolate, over: 1 })
    await world.restorePostgres()
    world.kill(world.isolate(isolate + 1).number)
    await send.run(world, { ...one, ...of, isolate: isolate + 1 })
    await send.run(world, { ...other, ...of, isolate })
    const again = { which: 0, answeredToo: true, deaf: false, pace: smoothly }
    for (const by of [isolate + 1, isolate]) await retry.run(world, { ...again, isolate: by })
  },
})
