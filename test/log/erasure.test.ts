// Law 6: what was erased comes back from nowhere. It is hidden at once; blocks are rewritten, if they are as they were read, and
// not before what a meter owes is counted; and neither a late flush nor a store that was put back brings it back.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/kernel/ids.ts'
import { askErasure, readErasure, reofferErasures } from '../../src/log/ask-erasure.ts'
import { readBlock } from '../../src/log/block.ts'
import { eraseEvents } from '../../src/log/erase-events.ts'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { findEvent } from '../../src/log/find-events.ts'
import { type FlushServices, flush } from '../../src/metering/flush.ts'
import type { SegmentLog } from '../../src/metering/ports.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { query } from '../../src/stores/postgres/failure.ts'
import { idsOf, logOf } from '../support/log.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { alicesHome, inStores, partitions } from '../support/two-databases.ts'
import { intercept } from '../support/world.ts'
import { corrected, draft } from './correcting.ts'
import {
  addMeter,
  blockStores,
  figures,
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

describe.each(inStores(blockStores))('with blocks in $name', ({ open }) => {
  let world: ReplayWorld
  let tenantId: string
  beforeEach(async () => {
    await redis.client.flushdb()
    await postgres.db.execute(
      sql`truncate log_blocks, log_contents, log_customers, erasures, usage, segments, corrections`,
    )
    world = replayWorld(redis, postgres, open(postgres))
    tenantId = await newTenant(world)
    await addMeter(world, tenantId, meterInput({ key: 'calls' }))
  })

  const sendOf = (customer_id: string, ...ids: string[]) =>
    sendTo(
      world,
      tenantId,
      ids.map((id) => ({ id, customer_id, properties: { secret: `of ${customer_id}` } })),
    )
  const settle = (w: FlushServices = world) => flush(w, { leaseMs: 0 })
  const ask = (customer: string, w: ReplayWorld = world, id = newId()) =>
    askErasure(w, { tenantId, newId: () => id }, customer)
  const shown = async () => idsOf(await logOf(world, { tenantId })).sort()

  /** All that any block in the store says, whether the index names it or not. */
  async function stored() {
    const names = (await world.blocks.list('', 100)).map(({ name }) => name)
    const blocks = (await world.blocks.get(names)).map((one) => readBlock(one!.content))
    return {
      ids: blocks.flatMap(({ entries }) => idsOf(entries)).sort(),
      erased: blocks.flatMap(({ erased }) => erased.map(({ customerId }) => customerId)),
    }
  }

  it('what is settled is out of its blocks when it is answered; totals stay, and so do others’ events', async () => {
    await sendOf('alice', 'a1', 'a2')
    await sendOf('bob', 'b1')
    await settle()
    const before = await figures(world, tenantId)
    const erasure = await ask('alice')
    expect(erasure).toMatchObject({
      customerId: 'alice',
      blocks: 1,
      events: 2,
      left: 0,
      doneAt: expect.any(Date),
    })
    expect(await shown()).toEqual(['b1'])
    expect(await findEvent(world, tenantId, 'a1')).toBeNull()
    expect(await stored()).toEqual({ ids: ['b1'], erased: ['alice'] })
    expect(await figures(world, tenantId)).toEqual(before)
    const { log } = await reconcile(world, await world.configs.load(tenantId))
    expect(log).toMatchObject({ accepted: '3', indexed: '3', drift: '0', reason: null })
    const [row] = await query<{ events: string; ids: string; customers: string }>(
      postgres.db,
      sql`select events::text as events, cardinality(ids)::text as ids, (select count(*) from log_customers)::text as customers from log_blocks`,
    )
    // By alice it is found still: it says that she was erased.
    expect(row).toEqual({ events: '1', ids: '1', customers: '2' })
  })

  it('what is not settled is hidden at once, and taken out when it is; what comes later is not', async () => {
    await sendOf('alice', 'a1')
    const erasure = await ask('alice')
    expect(erasure).toMatchObject({ doneAt: null, events: 0 })
    expect(await shown()).toEqual([])
    expect(await findEvent(world, tenantId, 'a1')).toBeNull()
    await sendOf('alice', 'a2')
    await sendOf('bob', 'b1')
    expect(await shown()).toEqual(['a2', 'b1'])
    await settle()
    expect(await shown()).toEqual(['a2', 'b1'])
    expect(await eraseEvents(world)).toEqual({ blocks: 1, events: 1, done: 1, more: false })
    expect(await stored()).toEqual({ ids: ['a2', 'b1'], erased: ['alice'] })
    expect(await shown()).toEqual(['a2', 'b1'])
    expect(await readErasure(world, tenantId, erasure.id)).toMatchObject({
      events: 1,
      doneAt: expect.any(Date),
    })
    expect(await eraseEvents(world)).toMatchObject({ blocks: 0 })
  })

  it('a block of which nothing is left says who was erased from it, and is still read', async () => {
    await sendOf('alice', 'a1')
    await settle()
    await ask('alice')
    expect(await stored()).toEqual({ ids: [], erased: ['alice'] })
    expect(await shown()).toEqual([])
    await sendOf('alice', 'a2')
    await settle()
    expect(await shown()).toEqual(['a2'])
    await ask('alice')
    expect(await stored()).toEqual({ ids: [], erased: ['alice', 'alice'] })
  })

  it.each([
    ['a block that others have events in', 'b1'],
    ['a block of which nothing is left', null],
  ])('an hour that lost events by it, in %s, is not counted anew', async (_, other) => {
    await addMeter(world, tenantId, meterInput({ key: 'most', aggregation: 'max' }))
    await sendOf('alice', 'a1')
    if (other !== null) await sendOf('bob', other)
    await settle()
    await ask('alice')
    await sendOf('alice', 'a2')
    await settle()
    const voided = draft(world, tenantId, { customerId: 'alice' }, null)
    await expect(voided).rejects.toMatchObject({ code: 'events_erased' })
    await sendOf('carol', 'c1')
    await settle()
    await corrected(world, tenantId, { customerId: 'carol' }, null)
  })

  it('nor is it for the customer whom one of them counts for by a correction', async () => {
    await addMeter(world, tenantId, meterInput({ key: 'most', aggregation: 'max' }))
    await sendOf('alice', 'a1')
    await settle()
    await corrected(world, tenantId, { customerId: 'alice' }, { customerId: 'carol' })
    await ask('alice')
    await sendOf('carol', 'c1')
    await settle()
    const voided = draft(world, tenantId, { customerId: 'carol' }, null)
    await expect(voided).rejects.toMatchObject({ code: 'events_erased' })
  })

  it('what a meter owes is counted first', async () => {
    await sendOf('alice', 'a1')
    await settle()
    await addMeter(world, tenantId, meterInput({ key: 'later', counts_from: 'beginning' }))
    const erasure = await ask('alice')
    expect(erasure).toMatchObject({ doneAt: null, blocks: 0, left: 1 })
    expect(await shown()).toEqual([])
    expect((await stored()).ids).toEqual(['a1'])
    expect((await fillMeters(world)).filled).toEqual(['later'])
    expect(await eraseEvents(world)).toEqual({ blocks: 1, events: 1, done: 1, more: false })
    expect((await stored()).ids).toEqual([])
    const { shown: totals } = await figures(world, tenantId)
    const [calls, later] = ['calls', 'later'].map((key) =>
      Object.entries(totals).filter(([name]) => name.startsWith(`alice ${key} `)),
    )
    expect(later!.map(([, value]) => value)).toEqual(calls!.map(([, value]) => value))
    expect(later).toHaveLength(1)
  })

  it('a run that dies at any of its calls is followed by one that does the rest', async () => {
    for (let at = 0; at < 8; at++) {
      const [mine, others] = [`a${at}`, `b${at}`]
      await sendOf('alice', mine)
      await sendOf('bob', others)
      await settle()
      for (const when of ['before', 'after']) {
        let calls = 0
        const dying = async (_name: string, call: () => Promise<unknown>) => {
          const dies = calls++ === at
          if (dies && when === 'before') throw new Error('the process ended')
          const result = await call()
          if (dies) throw new Error('the process ended')
          return result
        }
        await ask('alice', {
          ...world,
          blocks: intercept(world.blocks, dying),
          erasures: intercept(world.erasures, dying),
        }).catch(() => {})
      }
      await ask('alice')
      await eraseEvents(world)
      expect((await stored()).ids).not.toContain(mine)
      expect(await shown()).toEqual(Array.from({ length: at + 1 }, (_, i) => `b${i}`))
    }
    const all = await world.erasures.list(tenantId, { customerId: 'alice', after: null, limit: 100 })
    expect(all.every(({ doneAt, left }) => doneAt !== null && left === 0)).toBe(true)
    expect(all.reduce((sum, { events }) => sum + events, 0)).toBe(8)
  })

  it('of two that rewrite one block at once, one wins, and nothing of the other is lost', async () => {
    await sendOf('alice', 'a1')
    await sendOf('bob', 'b1')
    await sendOf('carol', 'c1')
    await settle()
    // Alice’s run has read the block when Bob is erased from it.
    let once = true
    const blocks = intercept(world.blocks, async (name, call) => {
      const result = await call()
      if (name === 'get' && once) {
        once = false
        await ask('bob')
      }
      return result
    })
    await ask('alice', { ...world, blocks })
    await eraseEvents(world)
    expect(await stored()).toMatchObject({ ids: ['c1'] })
    expect((await stored()).erased.sort()).toEqual(['alice', 'bob'])
    const all = await world.erasures.list(tenantId, { customerId: null, after: null, limit: 10 })
    expect(all.map(({ doneAt, left, events }) => [doneAt !== null, left, events])).toEqual([
      [true, 0, 1],
      [true, 0, 1],
    ])
  })

  it('a flush that was held up does not bring it back', async () => {
    await sendOf('alice', 'a1')
    await sendOf('bob', 'b1')
    // It has read the segment, and writes its blocks only when another run has settled it and the customer is erased.
    let once = true
    const late = {
      ...world,
      log: {
        write: async (...args: Parameters<SegmentLog['write']>) => {
          if (once) {
            once = false
            await settle()
            await ask('alice')
          }
          return world.log!.write(...args)
        },
      },
    }
    await settle(late)
    expect(await shown()).toEqual(['b1'])
    expect((await stored()).ids).toEqual(['b1'])
  })

  it('a Postgres that was put back gets the erasure again, and what it lost', async () => {
    await sendOf('alice', 'a1')
    await sendOf('bob', 'b1')
    await settle()
    const before = await figures(world, tenantId)
    await ask('alice')
    // As it was before the segment was settled, or anybody asked for anything.
    await postgres.db.execute(
      sql`truncate log_blocks, log_contents, log_customers, erasures, usage, segments`,
    )
    expect(await reofferErasures(world)).toBe(1)
    expect(await reoffer(world)).toBe(partitions())
    expect(await shown()).toEqual(['b1'])
    await settle()
    await eraseEvents(world)
    expect(await shown()).toEqual(['b1'])
    expect((await stored()).ids).toEqual(['b1'])
    expect(await figures(world, tenantId)).toEqual(before)
    const [row] = await query<{ events: string }>(
      postgres.db,
      sql`select sum(events)::text as events from log_blocks`,
    )
    expect(row).toEqual({ events: '1' })
  })

  it('an erasure that is done is opened again by a segment that comes back', async () => {
    await sendOf('alice', 'a1')
    const image = await redis.client.hgetall((await redis.client.keys('tg:*:seg:*'))[0]!)
    const [key] = await redis.client.keys('tg:*:seg:*')
    const erasure = await ask('alice')
    await settle()
    await eraseEvents(world)
    expect(await readErasure(world, tenantId, erasure.id)).toMatchObject({ doneAt: expect.any(Date) })
    // Neither Postgres nor the notes know of it any more; Redis has the segment as it was.
    await postgres.db.execute(sql`truncate log_blocks, log_contents, log_customers, usage, segments`)
    await redis.client.del(
      key!,
      key!.replace(':seg:', ':idx:'),
      `tg:{${alicesHome()}}:kept`,
      `tg:{${alicesHome()}}:erased`,
    )
    const id = key!.split(':seg:')[1]!
    await redis.client.hset(key!, image)
    await redis.client.zadd(`tg:{${alicesHome()}}:sealed`, Number.parseInt(id, 10), id)
    expect(await shown()).toEqual([])
    await settle()
    expect(await shown()).toEqual([])
    expect(await readErasure(world, tenantId, erasure.id)).toMatchObject({ doneAt: null, left: 1 })
    expect(await eraseEvents(world)).toMatchObject({ blocks: 1, done: 1 })
    expect((await stored()).ids).toEqual([])
  })

  it('what corrections hold of it goes, too', async () => {
    await sendOf('alice', 'a1', 'a2')
    await sendOf('bob', 'b1')
    await settle()
    const [block] = (await world.blocks.list('', 1)).map(({ name }) => name)
    const correction = (filter: object, state: string) =>
      query(
        postgres.db,
        sql`insert into corrections (id, tenant_id, state, action, filter, change, reason, blocks, events, effect)
          values (gen_random_uuid(), ${tenantId}::uuid, ${state}::text, 'amend', ${JSON.stringify({ properties: [['secret', 'x']], ...filter })}::text::jsonb,
            '{"quantity": "2", "properties": {"secret": "y"}}', 'wrong', array[${block!}::text], 1, '{}') returning '1' as one`,
      )
    await correction({ eventId: 'a1', customerId: null }, 'applied')
    await correction({ eventId: null, customerId: 'alice' }, 'applied')
    await correction({ eventId: null, customerId: 'alice' }, 'draft')
    await correction({ eventId: 'b1', customerId: null }, 'applied')
    await correction({ eventId: null, customerId: 'bob' }, 'draft')
    await ask('alice')
    const rows = await query<{ filter: string; change: string; state: string; refusal: string | null }>(
      postgres.db,
      sql`select (filter ->> 'properties') as filter, change::text as change, state, refusal from corrections order by filter ->> 'eventId', filter ->> 'customerId', state`,
    )
    const [gone, kept] = [{ filter: '[]', change: '{"quantity": "2"}' }, { filter: '[["secret", "x"]]' }]
    expect(rows).toEqual([
      { ...gone, state: 'applied', refusal: null },
      expect.objectContaining({ ...kept, state: 'applied', refusal: null }),
      { ...gone, state: 'applied', refusal: null },
      { ...gone, state: 'refused', refusal: 'The events of its customer were erased.' },
      expect.objectContaining({ ...kept, state: 'draft', refusal: null }),
    ])
  })

  it('what others sent and a correction made the customer’s is found by the customer still', async () => {
    await sendOf('alice', 'a1')
    await sendOf('bob', 'b1', 'b2')
    await settle()
    await corrected(world, tenantId, { eventId: 'b1' }, { customerId: 'alice' })
    const { id } = await ask('alice')
    expect(await readErasure(world, tenantId, id)).toMatchObject({ events: 1, left: 0 })
    const ofAlice = () => logOf(world, { tenantId }, { filter: { customerId: 'alice' } })
    expect(idsOf(await ofAlice())).toEqual(['b1'])
    expect((await draft(world, tenantId, { customerId: 'alice' }, null)).correction.events).toBe(1)
    await ask('alice')
    expect(idsOf(await ofAlice())).toEqual(['b1'])
  })

  it('is the tenant’s own, and asking with the same id again is the same erasure', async () => {
    const other = await newTenant(world)
    await addMeter(world, other, meterInput({ key: 'calls' }))
    await sendTo(world, other, [{ id: 'theirs', customer_id: 'alice' }])
    await sendOf('alice', 'a1')
    const id = newId()
    const first = await ask('alice', world, id)
    await sendOf('alice', 'a2')
    expect((await ask('alice', world, id)).byMicros).toBe(first.byMicros)
    await settle()
    await eraseEvents(world)
    expect(await shown()).toEqual(['a2'])
    expect(idsOf(await logOf(world, { tenantId: other }))).toEqual(['theirs'])
    expect(await world.erasures.find(other, id)).toBeNull()
    expect(await world.erasures.list(other, { customerId: null, after: null, limit: 10 })).toEqual([])
  })
})
