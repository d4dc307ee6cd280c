// Faults of one of several databases, or of Postgres.

import fc from 'fast-check'
import { storeOf } from '../network.ts'
import { flush } from '../operations/flush.ts'
import { operation, some } from '../operations/operation.ts'
import { send } from '../operations/send.ts'
import type { RedisImage } from '../world.ts'
import type { PlacedWorld } from './world.ts'

/** A store refuses every call for so many operations; a full Redis every one that needs memory. */
export const outage = operation({
  name: 'outage',
  weight: 4,
  arbitrary: fc.record({
    what: fc.constantFrom('redis away', 'redis away', 'redis full', 'postgres away', 'all back', 'all back'),
    which: some,
  }),
  async run(world: PlacedWorld, { what, which }) {
    const { away } = world.network
    const { database } = world.database(which)
    for (const [n, server] of world.databases.entries()) {
      away[storeOf(n)] = what === 'redis away' && n === database
      // A full Redis gives up the segments that it keeps for a Postgres that is put back.
      server.full = what === 'redis full' && n === database && world.missingSinceMs === null
      if (server.full) world.postgresImage = null
    }
    away.postgres = what === 'postgres away'
  },
})

export const imageOf = async (world: PlacedWorld, which: number): Promise<RedisImage> => {
  const { database, server } = world.database(which)
  return { redis: await server.image(), at: world.oracle.now, atMs: world.time.nowMs, database }
}

export const image = operation({
  name: 'redis-image',
  weight: 4,
  arbitrary: fc.record({ which: some }),
  async run(world: PlacedWorld, { which }) {
    if (world.goesBack('redis')) world.image = await imageOf(world, which)
  },
})

export const restore = operation({
  name: 'redis-restore',
  weight: 3,
  arbitrary: fc.record({ which: some, emptied: fc.constantFrom(false, false, false, true) }),
  async run(world: PlacedWorld, { which, emptied }) {
    if (!world.goesBack('redis')) return
    const { database } = world.database(which)
    if (emptied) await world.rollBack({ redis: [], at: 0, atMs: world.time.nowMs, database })
    else if (world.image) await world.rollBack(world.image)
  },
})

/** What is open in a database is settled, and then a replica takes over on which it is open still, and which lacks what came in meanwhile. */
export const failover = operation({
  name: 'failover',
  weight: 3,
  arbitrary: fc.record({
    which: some,
    flush: flush.arbitrary,
    lost: fc.array(send.arbitrary, { maxLength: 2, size: 'max' }),
    send: send.arbitrary,
  }),
  async run(world: PlacedWorld, input) {
    if (!world.goesBack('redis')) return
    const before = await imageOf(world, input.which)
    await flush.run(world, input.flush)
    for (const one of input.lost) await send.run(world, one)
    await world.rollBack(before)
    await send.run(world, input.send)
  },
})

export const forgetScripts = operation({
  name: 'redis-forgets-scripts',
  weight: 2,
  arbitrary: fc.record({ which: some }),
  async run(world: PlacedWorld, { which }) {
    await world.database(which).server.forgetScripts()
  },
})
