// Law 1 of the event log: an event is in it once if and only if it was accepted, whatever dies, is lost or is put back.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { BlockStore } from '../../src/log/block-store.ts'
import { BlockWriter } from '../../src/log/write-blocks.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { type SegmentLog, SegmentRefused } from '../../src/metering/ports.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { Crash, dyingAt, emptied, intercepted } from '../support/dying.ts'
import { interleavings, runInOrder } from '../support/interleave.ts'
import { idsOf, logOf } from '../support/log.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { inStores, partitions, shortened, unsettled } from '../support/two-databases.ts'
import { intercept, type LoggedWorld, send, totals, worldOn } from '../support/world.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let config: TenantConfig

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  await redis.client.flushdb()
  config = tenantConfig([meter('calls', 'sum')])
})

const settleAll = (of: LoggedWorld) => flush(of, { leaseMs: 0 })

/** What is logged is what is counted, each once, and what it names in the index is this many events. */
async function expectLogged(world: LoggedWorld, ids: string[]): Promise<void> {
  for (const order of ['asc', 'desc'] as const) {
    const found = idsOf(await logOf(world, config, { order, limit: () => 3 }))
    expect(found.sort()).toEqual([...ids].sort())
  }
  expect(await totals(world, config)).toEqual({ calls: String(ids.length) })
}

async function inIndex(): Promise<number> {
  const [row] = await rows<{ events: string | null }>(
    postgres.db,
    sql`select sum(events)::text as events from log_blocks where tenant_id = ${config.tenantId}::uuid`,
  )
  return Number(row!.events ?? 0)
}

const empty = () => emptied(postgres.db)

const stores: { name: string; open: () => BlockStore }[] = [
  { name: 'Postgres', open: () => new PostgresBlockStore(postgres.db) },
  { name: 'a store outside', open: () => new MemoryBlockStore() },
]

/** Calls of a flush of one segment: seals, read, put, settle, discard. */
const CALLS = partitions() + 4
const deaths = Array.from({ length: CALLS }, (_, i) => i + 1).flatMap((n) => [
  [n, 'before'] as const,
  [n, 'after'] as const,
])

describe.each(inStores(stores))('with blocks in $name', ({ open }) => {
  let world: LoggedWorld
  beforeEach(() => {
    world = worldOn(redis, postgres, config, {}, open())
  })

  it.each(deaths)('a flush that dies at its call %i, %s it is applied', async (n, when) => {
    await send(world, config, [{ id: 'a' }, { id: 'b' }])
    const { world: dying, died } = dyingAt(world, n, when)
    await expect(settleAll(dying)).rejects.toThrow(Crash)
    expect(died()).toBe(true)
    await expectLogged(world, ['a', 'b'])
    await send(world, config, [{ id: 'late' }, { id: 'a' }])
    await settleAll(world)
    await expectLogged(world, ['a', 'b', 'late'])
    expect(await inIndex()).toBe(3)
  })

  it('dying flushes, one after the other, end with every event logged once', async () => {
    await send(world, config, [{ id: 'a' }, { id: 'b' }])
    for (const [n, when] of deaths) await settleAll(dyingAt(world, n, when).world).catch(() => {})
    await settleAll(world)
    await expectLogged(world, ['a', 'b'])
    expect(await inIndex()).toBe(2)
  })

  it.each(['before', 'after'] as const)('a call whose reply was lost %s it was applied', async (when) => {
    await expect(send(dyingAt(world, 1, when).world, config, [{ id: 'a' }])).rejects.toThrow(Crash)
    expect(idsOf(await logOf(world, config))).toEqual(when === 'after' ? ['a'] : [])
    await send(world, config, [{ id: 'a' }, { id: 'b' }])
    await settleAll(world)
    await expectLogged(world, ['a', 'b'])
  })

  it('Postgres is put back, and what is kept is offered again, and once more', async () => {
    await send(world, config, [{ id: 'a' }, { id: 'b' }])
    await settleAll(world)
    await send(world, config, [{ id: 'c' }])
    await settleAll(world)
    await empty()
    expect(await logOf(world, config)).toEqual([])
    await reoffer(world)
    // They are live again, out of what is kept of them.
    await expectLogged(world, ['a', 'b', 'c'])
    await settleAll(world)
    await expectLogged(world, ['a', 'b', 'c'])
    expect(await inIndex()).toBe(3)
    await empty()
    await reoffer(world)
    await settleAll(world)
    await reoffer(world)
    await settleAll(world)
    await expectLogged(world, ['a', 'b', 'c'])
    expect(await inIndex()).toBe(3)
    expect(await unsettled(world)).toBe(0)
  })

  it('Postgres is put back under a flush that has made its blocks', async () => {
    await send(world, config, [{ id: 'a' }, { id: 'b' }])
    const under = intercepted(world, async (name, call) => {
      if (name === 'settle') await empty()
      return call()
    })
    const { failed, settledSegments } = await settleAll(under)
    expect(failed.length + settledSegments).toBe(1)
    await expectLogged(world, ['a', 'b'])
    await settleAll(world)
    await expectLogged(world, ['a', 'b'])
    expect(await inIndex()).toBe(2)
  })

  it('a segment that Postgres refuses is in the log while it waits, and after it is settled', async () => {
    await send(world, config, [{ id: 'a' }])
    const refusing = {
      ...world,
      usage: intercept(world.usage, async () => Promise.reject(new SegmentRefused('22P02 no'))),
    }
    expect(await flush(refusing)).toMatchObject({ quarantined: [{ reason: '22P02 no' }] })
    await send(world, config, [{ id: 'b' }])
    await settleAll(world)
    await expectLogged(world, ['a', 'b'])
    await flush(world, { retryQuarantined: true })
    await expectLogged(world, ['a', 'b'])
    expect(await inIndex()).toBe(2)
  })

  it.each(shortened(interleavings(CALLS, 3)).map((order) => [order.join('')]))(
    'is whole with the calls of a flush (a) and of a read (b) in the order %s',
    async (order) => {
      await send(world, config, [{ id: 'a' }])
      await settleAll(world)
      await send(world, config, [{ id: 'b' }])
      const { b } = await runInOrder(
        world,
        [...order] as ('a' | 'b')[],
        {
          a: (of) => settleAll(of as LoggedWorld),
          b: async (of) => idsOf(await logOf(of as LoggedWorld, config)),
        },
        { logToo: true },
      )
      expect(b).toEqual(['a', 'b'])
    },
  )
})

describe('two flushes that cut a segment differently', () => {
  /** As another version might: a call a block. */
  const callByCall = (log: SegmentLog): SegmentLog => ({
    async write(segment, content) {
      if (content.kept !== null) return log.write(segment, content)
      const written = []
      for (const call of content.log) written.push(await log.write(segment, { log: [call], kept: null }))
      return {
        rows: written.flatMap(({ rows }) => rows),
        kept: JSON.stringify(written.flatMap(({ kept }) => JSON.parse(kept!))),
      }
    },
  })

  it.each(shortened(interleavings(CALLS - 1, CALLS - 1)).map((order) => [order.join('')]))(
    'enter the blocks of one of them, in the order %s',
    async (order) => {
      const world = worldOn(redis, postgres, config)
      await send(world, config, [{ id: 'a' }, { id: 'b' }])
      await send(world, config, [{ id: 'c' }])
      await runInOrder(world, [...order] as ('a' | 'b')[], {
        a: (of) => flush(of, { leaseMs: 0 }),
        b: (of) => flush({ ...of, log: callByCall(new BlockWriter(world.blocks)) }, { leaseMs: 0 }),
      })
      await settleAll(world)
      expect(await inIndex()).toBe(3)
      expect(idsOf(await logOf(world, config)).sort()).toEqual(['a', 'b', 'c'])
      await empty()
      await reoffer(world)
      await settleAll(world)
      expect(await inIndex()).toBe(3)
      await expectLogged(world, ['a', 'b', 'c'])
    },
  )
})
