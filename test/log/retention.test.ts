// How long the log is kept: what is too old leaves the index and the store, in that order; what nothing names is swept; and
// what a meter owes is not taken from under it.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HOUR_MS, rfc3339 } from '../../src/kernel/time.ts'
import type { BlockStore } from '../../src/log/block-store.ts'
import { expireBlocks } from '../../src/log/expire-blocks.ts'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { OWED_DAYS, SWEEP_SLACK_MS } from '../../src/log/limits.ts'
import { sweepBlocks } from '../../src/log/sweep-blocks.ts'
import { flush } from '../../src/metering/flush.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { PostgresBlockStore } from '../../src/stores/blocks/postgres.ts'
import { query } from '../../src/stores/postgres/failure.ts'
import { blockBackends } from '../support/block-stores.ts'
import { idsOf, logOf } from '../support/log.ts'
import { MemoryBlockStore } from '../support/memory-blocks.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import {
  addMeter,
  figures,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

const DAY_MS = 24 * HOUR_MS

let redis: RedisBackend
let postgres: PostgresBackend

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))
beforeEach(async () => {
  await redis.client.flushdb()
  await postgres.db.execute(sql`truncate log_blocks, log_contents, log_customers, log_sweeps`)
})

/** `laterMs`: how far its clock is ahead of when events arrive. */
const keeping = (world: ReplayWorld, { days = 10, laterMs = 0 } = {}) => ({
  ...world,
  logDays: days,
  clock: () => Date.now() + laterMs,
})

const settle = async (world: ReplayWorld, tenantId: string, ids: string[]) => {
  await sendTo(
    world,
    tenantId,
    ids.map((id) => ({ id })),
  )
  await flush(world, { leaseMs: 0 })
}

const indexed = async (tenantId: string): Promise<string[]> => {
  const found = await query<{ name: string }>(
    postgres.db,
    sql`select name from log_blocks where tenant_id = ${tenantId}::uuid order by id`,
  )
  return found.map(({ name }) => name)
}

async function withCalls(world: ReplayWorld): Promise<string> {
  const tenantId = await newTenant(world)
  await addMeter(world, tenantId, meterInput({ key: 'calls' }))
  return tenantId
}

const stored = async (blocks: BlockStore) => (await blocks.list('', 100)).map(({ name }) => name)

const stores = [
  {
    name: 'Postgres, beside the index',
    open: async () => ({ store: new PostgresBlockStore(postgres.db), close: async () => {} }),
  },
  ...blockBackends.filter(({ name }) => !name.startsWith('Postgres')),
]

describe.each(stores)('blocks in $name', ({ open }) => {
  let store: BlockStore
  let close: () => Promise<void>
  let world: ReplayWorld
  let tenantId: string
  beforeAll(async () => {
    ;({ store, close } = await open())
  })
  afterAll(() => close())
  beforeEach(async () => {
    await store.remove(await stored(store))
    world = replayWorld(redis, postgres, store)
    tenantId = await withCalls(world)
  })

  it('that are too old leave the index and the store; what was counted stays', async () => {
    await settle(world, tenantId, ['a', 'b'])
    const before = await figures(world, tenantId)
    expect(await expireBlocks(keeping(world, { laterMs: 9 * DAY_MS }))).toEqual({ blocks: 0, more: false })
    expect(idsOf(await logOf(world, { tenantId })).sort()).toEqual(['a', 'b'])
    expect(await expireBlocks(keeping(world, { laterMs: 11 * DAY_MS }))).toEqual({ blocks: 1, more: false })
    expect(await logOf(world, { tenantId })).toEqual([])
    expect(await indexed(tenantId)).toEqual([])
    expect(await stored(store)).toEqual([])
    expect(await query(postgres.db, sql`select '1' as one from log_customers`)).toEqual([])
    expect(await figures(world, tenantId)).toEqual(before)
  })

  it('that were left by a run that was cut off are swept, and no others', async () => {
    await settle(world, tenantId, ['a'])
    const [gone] = await indexed(tenantId)
    const dying: BlockStore = Object.assign(Object.create(store) as BlockStore, {
      kind: store.kind,
      remove: () => Promise.reject(new Error('the process ended')),
    })
    const late = keeping({ ...world, blocks: dying }, { laterMs: 11 * DAY_MS })
    await expect(expireBlocks(late)).rejects.toThrow('the process ended')
    expect(await indexed(tenantId)).toEqual([])
    expect(await stored(store)).toEqual([gone])

    await settle(world, tenantId, ['b'])
    const [kept] = await indexed(tenantId)
    // While Redis keeps what was settled, it may be offered again.
    const hours = keeping(world, { laterMs: 2 * SWEEP_SLACK_MS })
    expect(await sweepBlocks(hours)).toBe(0)
    expect(await stored(store)).toEqual([gone, kept].sort())
    await redis.client.flushdb()
    const young = keeping(world, { laterMs: SWEEP_SLACK_MS / 2 })
    expect(await sweepBlocks(young)).toBe(0)
    expect(await sweepBlocks(hours)).toBe(1)
    expect(await stored(store)).toEqual([kept])
    expect(idsOf(await logOf(world, { tenantId }))).toEqual(['b'])
  })

  it('are swept a part at a time, and each run goes on where the last one ended', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) await settle(world, tenantId, [id])
    const names = await stored(store)
    await redis.client.flushdb()
    await postgres.db.execute(sql`delete from log_blocks where name <> ${names[2]!}::text`)
    const hours = keeping(world, { laterMs: 2 * SWEEP_SLACK_MS })
    const runs: number[] = []
    for (let run = 0; run < 4; run++) runs.push(await sweepBlocks(hours, { pages: 1, names: 2 }))
    expect(runs).toEqual([2, 1, 1, 0])
    expect(await stored(store)).toEqual([names[2]])
  })
})

describe('reconciliation', () => {
  it('misses nothing that was too old, and goes on naming what is gone otherwise', async () => {
    const world = replayWorld(redis, postgres, new MemoryBlockStore())
    const tenantId = await withCalls(world)
    const account = async () => (await reconcile(world, await world.configs.load(tenantId))).log
    const events = { unsettled: '0', quarantined: '0', drift: '0', reason: null }
    for (const [ids, seen] of [
      [['a', 'b'], '2'],
      [['c'], '3'],
    ] as const) {
      await settle(world, tenantId, [...ids])
      await expireBlocks(keeping(world, { laterMs: 11 * DAY_MS }))
      expect(await indexed(tenantId)).toEqual([])
      expect(await account()).toEqual({ ...events, accepted: seen, indexed: seen })
    }
    await settle(world, tenantId, ['d'])
    await postgres.db.execute(sql`delete from log_blocks where tenant_id = ${tenantId}::uuid`)
    expect(await account()).toMatchObject({ accepted: '4', drift: '1', reason: 'missing_from_index' })
  })
})

describe('the log', () => {
  let world: ReplayWorld
  let tenantId: string
  beforeEach(async () => {
    world = replayWorld(redis, postgres, new PostgresBlockStore(postgres.db))
    tenantId = await withCalls(world)
  })
  const change = (eventLogDays: number | null) => world.access.changeTenant(tenantId, { eventLogDays })
  const expiredAfter = (days: number, logDays = 10) =>
    expireBlocks(keeping(world, { days: logDays, laterMs: days * DAY_MS }))

  it('is kept as long as the tenant says, and else as the server does', async () => {
    await settle(world, tenantId, ['a'])
    await change(0)
    expect((await expiredAfter(5_000)).blocks).toBe(0)
    await change(20)
    expect((await expiredAfter(19)).blocks).toBe(0)
    await change(null)
    expect((await expiredAfter(5_000, 0)).blocks).toBe(0)
    await change(2)
    expect((await expiredAfter(3, 0)).blocks).toBe(1)
  })

  it('says from when on it reaches', async () => {
    await settle(world, tenantId, ['a'])
    const [{ receivedMicros } = { receivedMicros: 0 }] = await logOf(world, { tenantId })
    await settle(world, tenantId, ['b'])
    const since = async () => (await world.access.findTenant(tenantId))!.logSince!.getTime()
    const made = await since()
    expect(Math.abs(made - Date.now())).toBeLessThan(60_000)
    await expireBlocks(keeping(world, { laterMs: 11 * DAY_MS }), { limit: 1 })
    expect(await since()).toBe(Math.max(made, Math.floor((receivedMicros + 1) / 1000)))
    expect(idsOf(await logOf(world, { tenantId }))).toEqual(['b'])
  })

  it('loses a bounded number of blocks in a run, the oldest first', async () => {
    for (const id of ['a', 'b', 'c']) await settle(world, tenantId, [id])
    const run = () => expireBlocks(keeping(world, { laterMs: 11 * DAY_MS }), { limit: 2 })
    expect(await run()).toEqual({ blocks: 2, more: true })
    expect(idsOf(await logOf(world, { tenantId }))).toEqual(['c'])
    expect(await run()).toEqual({ blocks: 1, more: false })
  })

  it('keeps what is in another store than the one in use', async () => {
    await settle(world, tenantId, ['a'])
    const elsewhere = { ...world, blocks: new MemoryBlockStore() }
    expect((await expireBlocks(keeping(elsewhere, { laterMs: 11 * DAY_MS }))).blocks).toBe(0)
    expect(await indexed(tenantId)).toHaveLength(1)
  })

  it('keeps what a meter owes that is being filled, for some days more', async () => {
    await settle(world, tenantId, ['a'])
    await addMeter(world, tenantId, meterInput({ key: 'later', counts_from: 'beginning' }))
    expect((await expiredAfter(11)).blocks).toBe(0)
    expect((await expiredAfter(10 + OWED_DAYS - 0.1)).blocks).toBe(0)
    expect((await fillMeters(world)).filled).toEqual(['later'])
    expect((await expiredAfter(11)).blocks).toBe(1)

    await settle(world, tenantId, ['b'])
    await addMeter(world, tenantId, meterInput({ key: 'latest', counts_from: 'beginning' }))
    expect((await expiredAfter(10 + OWED_DAYS + 0.1)).blocks).toBe(1)
    expect((await fillMeters(world)).filled).toEqual(['latest'])
  })

  it('keeps what a meter owes that was made while it was looked through', async () => {
    await settle(world, tenantId, ['a'])
    const wanted = { nowMs: Date.now() + 11 * DAY_MS, days: 10, store: 'postgres', limit: 10 }
    const [found] = await world.retention.expired(wanted)
    expect(found!.names).toHaveLength(1)
    await addMeter(world, tenantId, meterInput({ key: 'later', counts_from: 'beginning' }))
    expect(await world.retention.expire(found!)).toEqual([])
    expect(await world.retention.expired(wanted)).toEqual([])
    expect(await indexed(tenantId)).toEqual(found!.names)
  })

  it('is not counted by halves: a meter that would count from before it reaches is refused', async () => {
    const hour = rfc3339(Math.floor(Date.now() / HOUR_MS) * HOUR_MS)
    const from = (key: string, counts_from: string) => meterInput({ key, counts_from })
    const early = await addMeter(world, tenantId, from('early', hour))
    await settle(world, tenantId, ['a'])
    await fillMeters(world)
    await postgres.db.execute(
      sql`update tenants set created_at = created_at - interval '1 hour' where id = ${tenantId}::uuid`,
    )
    expect((await expiredAfter(11)).blocks).toBe(1)

    const refused = await addMeter(world, tenantId, from('late', hour)).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      code: 'validation_failed',
      detail: expect.stringMatching(
        /^The event log has everything since \d{4}-.*Z, and may lack what arrived before\.$/,
      ),
      issues: [{ pointer: '#/counts_from', detail: expect.stringContaining('or later, or "beginning"') }],
    })
    const right = /must be (\S+) or later/.exec(
      (refused as { issues: { detail: string }[] }).issues[0]!.detail,
    )![1]!
    expect(Date.parse(right) % HOUR_MS).toBe(0)
    expect(Date.parse(right)).toBeGreaterThan(Date.now())
    await addMeter(world, tenantId, from('late', right))
    await addMeter(world, tenantId, from('all', 'beginning'))
    // The one that there is, sent again, is the one that there is.
    expect((await addMeter(world, tenantId, from('early', hour))).id).toBe(early.id)
  })
})
