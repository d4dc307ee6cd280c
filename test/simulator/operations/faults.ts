// Faults of the network and of whole stores, and time.

import fc from 'fast-check'
import { fate, operation, some } from './operation.ts'

/** Parked calls go on, in any order; the last of them meets this fate. */
export const deliver = operation({
  name: 'deliver',
  weight: 30,
  arbitrary: fc.record({ which: some, before: fc.nat(3), fate }),
  async run(world, { which, before, fate }) {
    for (let i = 0; i < before; i++) await world.network.deliver(which + i, 'ok')
    await world.network.deliver(which, fate)
  },
})

export const time = operation({
  name: 'time',
  weight: 6,
  arbitrary: fc.record({
    ms: fc.constantFrom(
      1_000,
      10_000,
      31_000,
      61_000,
      76_000,
      76_000,
      300_000,
      3_600_000,
      40_000_000,
      90_000_000,
    ),
  }),
  async run(world, { ms }) {
    world.wait(ms)
  },
})

export const kill = operation({
  name: 'kill',
  weight: 3,
  arbitrary: fc.record({ isolate: some }),
  async run(world, { isolate }) {
    world.kill(world.isolate(isolate).number)
  },
})

export const forgetScripts = operation({
  name: 'redis-forgets-scripts',
  weight: 2,
  arbitrary: fc.record({}),
  async run(world) {
    await world.redis.forgetScripts()
  },
})

/** A store refuses every call for so many operations; a full Redis every one that needs memory. */
export const outage = operation({
  name: 'outage',
  weight: 4,
  arbitrary: fc.record({
    what: fc.constantFrom('redis away', 'redis full', 'postgres away', 'all back', 'all back'),
  }),
  async run(world, { what }) {
    const { away } = world.network
    away.redis = what === 'redis away'
    away.postgres = what === 'postgres away'
    // A full Redis gives up the segments that it keeps for a Postgres that is put back.
    world.redis.full = what === 'redis full' && world.missingSinceMs === null
    if (world.redis.full) world.postgresImage = null
  },
})

/** A replica catches up, or a backup is made. */
export const image = operation({
  name: 'redis-image',
  weight: 4,
  arbitrary: fc.record({}),
  async run(world) {
    if (!world.goesBack('redis')) return
    world.image = { redis: await world.redis.image(), at: world.oracle.now, atMs: world.time.nowMs }
  },
})

/** A failover to the replica that lags, or a restore of the backup; without one, Redis comes back empty. */
export const restore = operation({
  name: 'redis-restore',
  weight: 3,
  arbitrary: fc.record({ emptied: fc.constantFrom(false, false, false, true) }),
  async run(world, { emptied }) {
    if (!world.goesBack('redis')) return
    if (emptied) await world.rollBack({ redis: [], at: 0, atMs: world.time.nowMs })
    else if (world.image) await world.rollBack(world.image)
  },
})

/** A backup of Postgres is made. */
export const postgresImage = operation({
  name: 'postgres-image',
  weight: 3,
  arbitrary: fc.record({}),
  async run(world) {
    const isFull = world.databases.some(({ full }) => full)
    if (!world.goesBack('postgres') || world.missingSinceMs !== null || isFull) return
    world.postgresImage = {
      tables: await world.postgres.image(),
      at: world.oracle.now,
      atMs: world.time.nowMs,
    }
  },
})

/** Postgres is put back to its backup, if that is not too old. */
export const postgresRestore = operation({
  name: 'postgres-restore',
  weight: 3,
  arbitrary: fc.record({}),
  async run(world) {
    if (world.goesBack('postgres')) await world.restorePostgres()
  },
})
