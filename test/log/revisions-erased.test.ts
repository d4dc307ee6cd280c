// Events that were erased can't be counted anew: a revision or a replay of their hours is refused, or, when they were erased while
// it was filled, cancelled. No total is ever lower for it.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/kernel/ids.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { askErasure } from '../../src/log/ask-erasure.ts'
import { eraseEvents } from '../../src/log/erase-events.ts'
import { flush } from '../../src/metering/flush.ts'
import { replayOf, reviseMeter } from '../../src/metering/revise-meter.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import {
  addMeter,
  blockStores,
  FIRST_HOUR_MS,
  figures,
  fillAll,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

let redis: RedisBackend
let postgres: PostgresBackend
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

const HOUR_MS = 3_600_000
const at = (hour: number) => rfc3339(FIRST_HOUR_MS + hour * HOUR_MS)
describe.each(blockStores)('with blocks in $name', ({ open }) => {
  let world: ReplayWorld
  let tenantId: string
  beforeEach(async () => {
    await redis.client.flushdb()
    await postgres.db.execute(
      sql`truncate log_blocks, log_contents, log_customers, erasures, usage, segments, corrections`,
    )
    world = replayWorld(redis, postgres, open(postgres))
    tenantId = await newTenant(world)
    await addMeter(world, tenantId, meterInput({ key: 'm' }))
    await sendTo(world, tenantId, [
      { customer_id: 'alice', timestamp: at(1) },
      { customer_id: 'bob', timestamp: at(1) },
    ])
    await flush(world, { leaseMs: 0 })
  })

  const ask = (customer: string) => askErasure(world, { tenantId, newId }, customer)
  const replay = async (from: string) => {
    const tenant = await world.configs.load(tenantId)
    return reviseMeter(world, { tenant, newId }, replayOf(tenant, { key: 'm', input: { from } }))
  }
  const states = async () =>
    (await world.catalog.listRevisions(tenantId, 'm')).meters.map(
      ({ revision }) => revision?.state ?? 'current',
    )
  it('hours from before an erasure are refused by name, later ones are not', async () => {
    const before = await figures(world, tenantId)
    await ask('alice')
    await expect(replay('beginning')).rejects.toMatchObject({
      code: 'events_erased',
      message: expect.stringContaining('"alice"'),
    })
    await expect(replay(at(1))).rejects.toMatchObject({ code: 'events_erased' })
    expect(await states()).toEqual(['current'])
    // As if it had been asked for five minutes and a second before the third hour, and then four.
    const covers = (ms: number) =>
      rows(
        postgres.db,
        sql`update erasures set by_micros = ${(FIRST_HOUR_MS + 2 * HOUR_MS - ms) * 1000}::int8`,
      )
    await covers(299_000)
    await expect(replay(at(2))).rejects.toMatchObject({ code: 'events_erased' })
    await covers(301_000)
    await expect(replay(at(1))).rejects.toMatchObject({ code: 'events_erased' })
    await replay(at(2))
    expect(await fillAll(world)).toEqual(['m'])
    expect(await states()).toEqual(['replaced', 'current'])
    expect(await figures(world, tenantId)).toEqual(before)
  })

  it('where a correction has moved events in time, every hour is', async () => {
    await ask('alice')
    await rows(postgres.db, sql`update erasures set by_micros = ${(FIRST_HOUR_MS - HOUR_MS) * 1000}::int8`)
    await rows(
      postgres.db,
      sql`insert into corrections (id, tenant_id, state, action, filter, change, reason, blocks, events, effect)
        values (gen_random_uuid(), ${tenantId}::uuid, 'applied', 'amend', '{"eventId": "x"}', '{"timestampMs": 1}', 'late', '{}', 1, '{}')`,
    )
    await expect(replay(at(1))).rejects.toMatchObject({
      code: 'events_erased',
      message: expect.stringContaining('moved'),
    })
    await rows(postgres.db, sql`update corrections set change = '{"quantity": "2"}'`)
    await replay(at(1))
    expect(await fillAll(world)).toEqual(['m'])
  })

  it('an erasure that took nothing, and another tenant’s, stand against nothing', async () => {
    await ask('nobody')
    const other = await newTenant(world)
    await addMeter(world, other, meterInput({ key: 'm' }))
    await sendTo(world, other, [{ customer_id: 'alice' }])
    await flush(world, { leaseMs: 0 })
    await askErasure(world, { tenantId: other, newId }, 'alice')
    await replay('beginning')
    expect(await fillAll(world)).toEqual(['m'])
    expect(await states()).toEqual(['replaced', 'current'])
  })

  it('one that is being filled is cancelled, and the erasure then done', async () => {
    const before = await figures(world, tenantId)
    await replay('beginning')
    expect(await ask('alice')).toMatchObject({ left: 1, doneAt: null })
    expect(await fillAll(world)).toEqual([])
    expect(await states()).toEqual(['current', 'cancelled'])
    expect((await world.configs.load(tenantId)).revisions).toEqual([])
    expect(await figures(world, tenantId)).toEqual(before)
    expect(await eraseEvents(world)).toMatchObject({ blocks: 1, events: 1, done: 1 })
    await sendTo(world, tenantId, [{ customer_id: 'bob', timestamp: at(1) }])
    await flush(world, { leaseMs: 0 })
    expect((await figures(world, tenantId)).shown[`bob m ${at(1)}`]).toBe('2')
  })

  it('so is one that was made after a block was listed, and before it was rewritten', async () => {
    const before = await figures(world, tenantId)
    const { erasures } = world
    const between = new Proxy(erasures, {
      get(target, name) {
        if (name !== 'blocks') return Reflect.get(target, name).bind?.(target)
        return async (...args: Parameters<typeof erasures.blocks>) => {
          const listed = await erasures.blocks(...args)
          expect(listed).toHaveLength(1)
          // Asked for before the erasure was known, and entered now.
          await rows(postgres.db, sql`update erasures set done_at = now()`)
          await replay('beginning')
          await rows(postgres.db, sql`update erasures set done_at = null`)
          return listed
        }
      },
    })
    await askErasure({ ...world, erasures: between }, { tenantId, newId }, 'alice')
    expect(await fillAll(world)).toEqual([])
    expect(await states()).toEqual(['current', 'cancelled'])
    expect(await figures(world, tenantId)).toEqual(before)
  })
})
