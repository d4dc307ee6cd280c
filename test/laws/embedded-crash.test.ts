// Law 3 for the embedded Redis without a fence: it is cut off at every step of its file, by a kill or with the power, while events are
// recorded, sealed, settled and discarded. What comes back goes on with the Postgres that stayed.

import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { flush } from '../../src/metering/flush.ts'
import { type EmbeddedRedis, openEmbeddedRedis } from '../../src/stores/redis/embedded.ts'
import { tcpConnection } from '../../src/stores/redis/tcp.ts'
import { temporaryFolder } from '../local/support.ts'
import { afterCrash, handledDisk } from '../support/disks.ts'
import { STRIDE } from '../support/effort.ts'
import { tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { send, totals, worldOn } from '../support/world.ts'

let postgres: PostgresBackend
beforeAll(async () => {
  postgres = await postgresBackends[0]!.open()
})
afterAll(() => postgres.close())

const backend = (redis: EmbeddedRedis) => ({
  client: redis.client,
  connection: tcpConnection(redis.client),
  setFault: () => {},
  close: redis.close,
})
const EVENTS = ['a', 'b'].map((id) => ({ id, quantity: 1 }))
const never = new Promise<never>(() => {})

/** A disk that stops at its step `at`, and what is on it then. */
function stoppingDisk(folder: string, at: number, how: 'kill' | 'power cut') {
  const stop = Promise.withResolvers<Awaited<ReturnType<typeof afterCrash>>>()
  let onDisk: Awaited<ReturnType<typeof afterCrash>> | null = null
  let steps = 0
  const handles: FileHandle[] = []
  // One image after the other: steps may overlap, as the file is written anew while it goes on growing.
  let imaging = Promise.resolve()
  const takeImage = () => {
    imaging = imaging.then(async () => {
      const older = onDisk
      onDisk = await afterCrash(folder)
      await older?.remove()
    })
    return imaging
  }
  const disk = handledDisk(async ({ name }, go) => {
    if (++steps > at) return never
    const done = await go()
    if (name === 'create') handles.push(done as FileHandle)
    if (how === 'kill' ? steps === at : name === 'sync' || name === 'syncFolder') await takeImage()
    if (steps < at) return done
    await imaging
    stop.resolve(onDisk ?? (await afterCrash(folder)))
    return never
  })
  return { disk, stopped: stop.promise, letGo: () => Promise.all(handles.map((handle) => handle.close())) }
}

/** Runs until the disk stops; false: it came to its end before. */
async function crashesOnce(at: number, how: 'kill' | 'power cut'): Promise<boolean> {
  const folder = await temporaryFolder()
  const { disk, stopped, letGo } = stoppingDisk(folder.path, at, how)
  const config = tenantConfig()
  const acknowledged: string[] = []
  const work = async () => {
    const redis = await openEmbeddedRedis({
      file: join(folder.path, 'redis.aof'),
      disk,
      appendedBytes: 1_500,
    })
    const world = worldOn(backend(redis), postgres, config)
    for (const event of EVENTS) {
      await send(world, config, [event])
      acknowledged.push(event.id)
      await flush(world)
    }
    await redis.close()
    return null
  }
  const left = await Promise.race([work(), stopped])
  if (left !== null) {
    const redis = await openEmbeddedRedis({ file: join(left.path, 'redis.aof') })
    const world = worldOn(backend(redis), postgres, config)
    const counted = Number((await totals(world, config)).calls ?? 0)
    expect(counted).toBeGreaterThanOrEqual(acknowledged.length)
    for (const event of EVENTS) await send(world, config, [event])
    await send(world, config, [{ id: 'after', quantity: 10 }])
    expect(await totals(world, config)).toEqual({ calls: '12' })
    for (let i = 0; i < 3; i++) await flush(world)
    expect((await world.counters.state(0)).unsettledCounters).toBe(0)
    expect(await totals(world, config)).toEqual({ calls: '12' })
    await redis.close()
    await left.remove()
    await letGo()
  }
  await folder.remove()
  return left !== null
}

it.each(['kill', 'power cut'] as const)(
  'a %s at any step loses nothing and counts nothing twice',
  async (how) => {
    let at = 1
    while (await crashesOnce(at, how)) at += STRIDE
    expect(at).toBeGreaterThan(25)
  },
)
