// Moving a tenant between databases, and spreading it, under traffic: every event counts once, and a bill is exact at every instant.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/kernel/ids.ts'
import { flush } from '../../src/metering/flush.ts'
import type { TenantConfig } from '../../src/metering/meter.ts'
import { describePlacement } from '../../src/metering/placement/describe-placement.ts'
import { listPartitions } from '../../src/metering/placement/list-partitions.ts'
import { moveTenant } from '../../src/metering/placement/move-tenant.ts'
import { openPartition } from '../../src/metering/placement/open-partition.ts'
import { homeOf } from '../../src/metering/placement/placement.ts'
import { tendFormer } from '../../src/metering/placement/tend-former.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { batch, tenantConfig } from '../support/metering.ts'
import { madeTenant, type Server, serverOn, used } from '../support/placed.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { intercept } from '../support/world.ts'

let databases: RedisBackend[]
let postgres: PostgresBackend
let config: TenantConfig
/** two servers, each with caches of its own */
let a: Server
let b: Server

beforeAll(async () => {
  const opening = [redisBackends[0]!.open(), redisBackends[0]!.open()]
  postgres = await postgresBackends[0]!.open()
  databases = await Promise.all(opening)
})
afterAll(() => Promise.all([...databases, postgres].map(({ close }) => close())))

const server = (more: Parameters<typeof serverOn>[3] = {}) =>
  serverOn({ main: databases[0]!.connection, second: databases[1]!.connection }, postgres.db, config, more)

beforeEach(async () => {
  for (const { client } of databases) await client.flushdb()
  await rows(postgres.db, sql`truncate placements, partitions`)
  config = tenantConfig()
  await madeTenant(postgres.db, config)
  a = server()
  b = server()
  expect(await openPartition(a, { database: 'second' })).toMatchObject({ id: 1, database: 'second' })
})

const toOne = (partition: number) => ({ home: [partition], spreadBy: null })
const move = (by: Server, partition: number) => moveTenant(by, newId, config.tenantId, toOne(partition))
const spread = (by: Server, home: number[]) =>
  moveTenant(by, newId, config.tenantId, { home, spreadBy: 'customer' })
const one = (id: string, customer_id = 'alice') => batch(config, [{ id, customer_id }])
const keysIn = async (database: number) => (await databases[database]!.client.keys('*seg*')).length

describe('a tenant that is moved', () => {
  it('is counted in its new home at once, also by servers that have the old one cached', async () => {
    expect(await b.counters.record(one('x'))).toEqual({ kind: 'recorded', verdicts: ['accepted'] })
    const { home, former } = await move(a, 1)
    expect(home).toEqual([1])
    expect(former).toMatchObject([{ partition: 0, unsettledCounters: 2 }])
    expect(former[0]!.frozenMs).not.toBeNull()
    expect(await b.counters.record(one('y'))).toEqual({ kind: 'recorded', verdicts: ['accepted'] })
    expect(await keysIn(1)).toBe(1)
    expect([await used(a, config), await used(b, config)]).toEqual(['2', '2'])
  })

  it('knows the ids of before, there and back, with other content too', async () => {
    await a.counters.record(one('x'))
    for (const partition of [1, 0, 1]) {
      await move(a, partition)
      await a.counters.record(one(`in ${partition}`))
      expect(await b.counters.record(one('x'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
      const other = batch(config, [{ id: 'new' }, { id: 'x', quantity: 7 }])
      expect(await b.counters.record(other)).toMatchObject({ kind: 'refused' })
      const lenient = batch(config, [{ id: `after ${partition}` }, { id: 'x', quantity: 7 }], 'lenient')
      expect(await a.counters.record(lenient)).toMatchObject({ kind: 'recorded' })
    }
    // x, in 1, in 0, after 1, after 0; "in 1" again is a duplicate
    expect(await used(b, config)).toBe('5')
  })

  it('is billed exactly while former homes are settled, and reconciles', async () => {
    await a.counters.record(one('x'))
    await move(a, 1)
    await a.counters.record(one('y'))
    const billing = await used(b, config)
    await flush(b)
    expect([billing, await used(a, config), await used(b, config)]).toEqual(['2', '2', '2'])
    const { meters } = await reconcile(b, config)
    expect(meters).toMatchObject([{ accepted: { events: '2' }, settled: { events: '2' }, reason: null }])
  })

  it('knows its newest configuration in the new home', async () => {
    await a.counters.publishConfig(config.tenantId, 5)
    await move(a, 1)
    expect(await b.counters.record(one('x'))).toEqual({ kind: 'stale_config', version: 5 })
  })

  it('is asked no longer than an id may be retried, once what is in the former home is settled', async () => {
    let later = 0
    const clock = () => Date.now() + later
    const brief = server({ clock, dedupeWindowMs: 1_000, keepSettledMs: 0 })
    await brief.counters.record(one('x'))
    await move(brief, 1)
    expect(await tendFormer(brief, newId)).toMatchObject({ dropped: 0, failed: [] })
    await flush(brief)
    // The former home's own clock says how long it is frozen.
    await rows(
      postgres.db,
      sql`update placements set placement = jsonb_set(placement, '{former,0,frozenMs}', '1000')`,
    )
    expect(await tendFormer(brief, newId)).toMatchObject({ dropped: 1, failed: [] })
    later = 60_000
    expect((await describePlacement(brief, config.tenantId)).former).toEqual([])
    expect(await used(brief, config)).toBe('1')
    expect((await reconcile(brief, config)).meters[0]).toMatchObject({ reason: null })
    expect(await b.counters.record(one('y'))).toMatchObject({ kind: 'recorded' })
    expect(await used(b, config)).toBe('2')
  })

  it('keeps a former home in which something of before is not settled', async () => {
    await a.counters.record(one('x'))
    await move(a, 1)
    const placement = await a.placements.of(config.tenantId)
    const frozenMs = placement.former[0]!.frozenMs ?? Date.now()
    const left = () => a.homes.freeze(0, config.tenantId, placement, frozenMs)
    expect(await left()).toMatchObject({ left: 2 })
    await flush(a)
    expect(await left()).toMatchObject({ left: 0 })
  })
})

describe('a partition that another server has opened, or closed,', () => {
  it('is one for whoever moves a tenant there, or makes one, at once', async () => {
    await b.directory.list()
    expect(await openPartition(a, { database: 'second' })).toMatchObject({ id: 2 })
    expect(await move(b, 2)).toMatchObject({ home: [2] })
    await a.partitionStore.changePartition(0, 'closed')
    await a.partitionStore.changePartition(1, 'closed')
    expect([await b.placeNew(), await b.placeNew(2)]).toEqual([2, 2])
    await expect(b.placeNew(1)).rejects.toMatchObject({
      issues: [{ detail: 'must be an open partition: 2' }],
    })
    await expect(move(b, 3)).rejects.toMatchObject({ code: 'validation_failed' })
  })
})

describe('a move that is cut off', () => {
  it('is ended by whoever comes first, and by the job', async () => {
    await b.counters.record(one('x'))
    const homes = intercept(a.homes, async (name, call) => {
      if (name === 'freeze') throw new Error('killed')
      return await call()
    })
    const dying = { ...a, homes }
    await moveTenant(dying, newId, config.tenantId, toOne(1))
    // b still goes by the old placement; the old home has not been told.
    expect(await b.counters.record(one('y'))).toMatchObject({ kind: 'recorded' })
    expect(await a.counters.record(one('y'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    // Now it has: asking froze it.
    expect(await b.counters.record(one('z'))).toMatchObject({ kind: 'recorded' })
    expect(await a.counters.record(one('z'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    expect(await used(a, config)).toBe('3')
    expect((await describePlacement(a, config.tenantId)).former[0]!.frozenMs).toBeNull()
    expect(await tendFormer(a, newId)).toMatchObject({ frozen: 1, failed: [] })
    expect((await describePlacement(a, config.tenantId)).former[0]!.frozenMs).not.toBeNull()
  })
})

describe('a Postgres that is put back', () => {
  const backup = () =>
    rows<{ placement: string; version: string; nonce: string }>(
      postgres.db,
      sql`select placement::text, version::text, nonce from placements where tenant_id = ${config.tenantId}::uuid`,
    )
  const restore = ([row]: Awaited<ReturnType<typeof backup>>) =>
    rows(
      postgres.db,
      sql`update placements set placement = ${row!.placement}::jsonb, version = ${row!.version}::bigint, nonce = ${row!.nonce} where tenant_id = ${config.tenantId}::uuid`,
    )

  it('learns from the partitions where the tenant is', async () => {
    const before = await backup()
    await a.counters.record(one('x'))
    await move(a, 1)
    await a.counters.record(one('y'))
    await restore(before)
    const fresh = server()
    expect(await used(fresh, config)).toBe('2')
    expect(await fresh.counters.record(one('x'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    expect(await fresh.counters.record(one('y'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    expect(await describePlacement(fresh, config.tenantId)).toMatchObject({
      home: [1],
      former: [{ partition: 0 }],
    })
  })

  it('asks before it moves a tenant again, and takes no other placement of the same version for its own', async () => {
    const before = await backup()
    await move(a, 1)
    await a.counters.record(one('x'))
    await restore(before)
    const { home } = await move(server(), 0)
    expect(home).toEqual([0])
    expect(await b.counters.record(one('x'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
    expect(await a.counters.record(one('y'))).toEqual({ kind: 'recorded', verdicts: ['accepted'] })
    expect(await used(b, config)).toBe('2')
  })

  it('finds partitions again that it has forgotten, and gives no number twice', async () => {
    await move(a, 1)
    await a.counters.record(one('x'))
    await rows(postgres.db, sql`delete from partitions where id = 1`)
    expect(await used(server(), config)).toBe('1')
    await rows(postgres.db, sql`delete from partitions where id = 1`)
    expect(await openPartition(server(), { database: 'main' })).toMatchObject({ id: 2, database: 'main' })
    expect(await listPartitions(server())).toMatchObject([
      { id: 0, database: 'main' },
      { id: 1, database: 'second', tenants: 1 },
      { id: 2, database: 'main' },
    ])
  })
})

describe('offering again, after Postgres was put back', () => {
  it('finds partitions and placements that no caller would come by, and leaves alone whom Postgres does not know', async () => {
    await a.counters.record(one('x'))
    await move(a, 1)
    await a.counters.record(one('y'))
    // What only the new home knows: the old one has failed over to before the move.
    await databases[0]!.client.flushdb()
    await rows(postgres.db, sql`truncate placements, partitions`)
    const gone = JSON.stringify({ version: 3, nonce: 'n', home: [1], spreadBy: null, former: [], past: [] })
    await databases[1]!.client.hset('tg:{1}:meta', `p:${crypto.randomUUID()}`, `3 n ${gone}`)
    const fresh = server()
    await reoffer(fresh)
    expect(await fresh.counters.listPartitions()).toMatchObject([{ id: 0 }, { id: 1, database: 'second' }])
    expect(await describePlacement(fresh, config.tenantId)).toMatchObject({
      home: [1],
      former: [{ partition: 0, frozenMs: null }],
    })
    expect(await used(fresh, config)).toBe('1')
    expect(await fresh.counters.record(one('y'))).toEqual({ kind: 'recorded', verdicts: ['duplicate'] })
  })
})

describe('a tenant that is spread', () => {
  const customers = Array.from({ length: 12 }, (_, n) => `c${n}`)

  it('divides its customers over its homes, each with its own events and bill', async () => {
    await b.counters.record(one('before', 'c0'))
    const whole = batch(
      config,
      customers.map((customer_id) => ({ id: `of ${customer_id}`, customer_id })),
    )
    await spread(a, [0, 1])
    const placement = await a.placements.of(config.tenantId)
    expect(new Set(customers.map((customer) => homeOf(placement, customer))).size).toBe(2)
    expect(await b.counters.record(whole)).toEqual({
      kind: 'recorded',
      verdicts: customers.map(() => 'accepted'),
    })
    expect(await a.counters.record(whole)).toEqual({
      kind: 'recorded',
      verdicts: customers.map(() => 'duplicate'),
    })
    expect(await keysIn(1)).toBe(1)
    await flush(a)
    for (const customer of customers)
      expect(await used(b, config, customer)).toBe(customer === 'c0' ? '2' : '1')
    expect(await b.counters.liveCustomers(config.tenantId, '', 100)).toEqual([])
    expect((await reconcile(a, config)).meters).toMatchObject([{ accepted: { events: '13' }, reason: null }])
  })

  it('is put together again, and nothing counts twice', async () => {
    await spread(a, [0, 1])
    for (const customer of customers) await a.counters.record(one(customer, customer))
    await move(b, 1)
    for (const customer of customers)
      expect(await a.counters.record(one(customer, customer))).toEqual({
        kind: 'recorded',
        verdicts: ['duplicate'],
      })
    for (const customer of customers) expect(await used(b, config, customer)).toBe('1')
  })
})

describe('a database that is away', () => {
  it('is noticed by nobody whose counters are elsewhere, and is never left out of a bill', async () => {
    const away = { ...databases[1]!.connection, ping: () => Promise.reject(new Error('ECONNREFUSED')) }
    away.evalsha = away.eval = () => Promise.reject(new Error('ECONNREFUSED'))
    const other = tenantConfig()
    await madeTenant(postgres.db, other, 1)
    const partly = serverOn({ main: databases[0]!.connection, second: away }, postgres.db, config)
    await partly.counters.record(one('x'))
    expect(await flush(partly)).toMatchObject({ settledSegments: 1, unreachable: ['second'] })
    expect(await used(partly, config)).toBe('1')
    const refused = { code: 'store_unavailable', store: 'counters' }
    await expect(used(partly, other)).rejects.toMatchObject(refused)
    await expect(partly.counters.record(batch(other, [{}]))).rejects.toMatchObject(refused)
    expect(await partly.counters.unreachable()).toEqual(['second'])
    expect(await listPartitions(partly)).toMatchObject([
      { id: 0, state: 'open' },
      { id: 1, state: 'unreachable', unsettledCounters: null, tenants: 1 },
    ])
    await expect(move(partly, 1)).rejects.toMatchObject(refused)
    expect((await describePlacement(partly, config.tenantId)).home).toEqual([0])
  })

  it('that the configuration lacks is named in the log, and that is another one is refused', async () => {
    await move(a, 1)
    await a.counters.record(one('x'))
    const lacking = serverOn({ main: databases[0]!.connection }, postgres.db, config)
    await expect(lacking.counters.record(one('y'))).rejects.toMatchObject({
      code: 'misconfigured',
      cause: expect.stringContaining('Database second holds partition 1'),
    })
    const swapped = serverOn(
      { main: databases[0]!.connection, second: databases[0]!.connection },
      postgres.db,
      config,
    )
    await openPartition(a, { database: 'main' })
    await rows(postgres.db, sql`update partitions set database = 'second' where id = 2`)
    await expect(moveTenant(swapped, newId, config.tenantId, toOne(2))).rejects.toMatchObject({
      code: 'misconfigured',
      cause: expect.stringContaining('of database main'),
    })
  })
})
