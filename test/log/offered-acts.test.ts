// Corrections outlive a Postgres that is put back: those that were answered come back, in their order, each once; or they are refused
// by name.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { newId } from '../../src/kernel/ids.ts'
import { rfc3339 } from '../../src/kernel/time.ts'
import { askErasure, reofferErasures } from '../../src/log/ask-erasure.ts'
import { applyCorrection, correctionOf } from '../../src/log/draft-correction.ts'
import { enterAllWanted } from '../../src/log/enter-wanted.ts'
import { eraseEvents } from '../../src/log/erase-events.ts'
import { reofferActs } from '../../src/log/offer-acts.ts'
import { reoffer } from '../../src/metering/reoffer.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { Crash } from '../support/dying.ts'
import { STRIDE } from '../support/effort.ts'
import { idsOf, logOf } from '../support/log.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { imageOf, type PostgresImage, putBack } from '../support/postgres-image.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { alicesHome } from '../support/two-databases.ts'
import { intercept } from '../support/world.ts'
import { corrected, correctOne, draft, reverted, servicesOf, settleAll } from './correcting.ts'
import {
  addMeter,
  blockStores,
  FIRST_HOUR_MS,
  figures,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

let redis: RedisBackend
let postgres: PostgresBackend
let nothing: PostgresImage

beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), postgresBackends[0]!.open()])
  nothing = await imageOf(postgres.db)
})
afterAll(() => Promise.all([redis.close(), postgres.close()]))

describe.each(blockStores)('with blocks in $name', ({ open }) => {
  let world: ReplayWorld
  let tenant: string
  const timestamp = rfc3339(FIRST_HOUR_MS)
  const event = (id: string, quantity: string, customer_id = 'alice') => ({
    id,
    quantity,
    customer_id,
    timestamp,
  })

  beforeEach(async () => {
    await redis.client.flushdb()
    await putBack(postgres.db, nothing)
    world = replayWorld(redis, postgres, open(postgres))
    tenant = await newTenant(world)
    for (const aggregation of ['sum', 'max'] as const)
      await addMeter(world, tenant, meterInput({ key: aggregation, aggregation }))
  })

  const send = (...events: ReturnType<typeof event>[]) => sendTo(world, tenant, events)
  const image = () => imageOf(postgres.db)
  const state = async (id: string) => (await correctionOf(world, tenant, id)).state
  const work = (of: ReplayWorld = world) => enterAllWanted(of)

  async function shown(): Promise<Record<string, string>> {
    const found = Object.entries((await figures(world, tenant)).shown)
    return Object.fromEntries(found.map(([name, value]) => [name.split(' ').slice(0, 2).join(' '), value]))
  }

  /** As the operator has it done after a restore. */
  async function restored(backup: PostgresImage, of: ReplayWorld = world): Promise<number> {
    await putBack(postgres.db, backup)
    const acts = await reofferActs(of)
    await reofferErasures(of)
    await reoffer(of)
    return acts
  }

  async function settledAgain() {
    await settleAll(world)
    const report = await work()
    await eraseEvents(world)
    return report
  }

  const ledger = async () =>
    (
      await rows<{ act: string }>(
        postgres.db,
        sql`select number || ' ' || kind as act from acts where tenant_id = ${tenant}::uuid order by number`,
      )
    ).map(({ act }) => act)

  const offered = () =>
    rows<{ kind: string }>(postgres.db, sql`select kind from offered_acts where tenant_id = ${tenant}::uuid`)

  it('what was applied and taken back is so again, in its order, and each act once', async () => {
    await send(event('small', '1'), event('middle', '20'), event('large', '300'))
    await settleAll(world)
    const backup = await image()
    const moved = await corrected(world, tenant, { customerId: 'alice' }, { customerId: 'bob' })
    // It takes what the first one moved, and stands though that is taken back.
    const second = await corrected(world, tenant, { customerId: 'bob' }, { quantity: '7' })
    const { correction: one } = await correctOne(world, tenant, 'large', null)
    await reverted(world, tenant, moved)
    const before = await shown()
    expect(before).toEqual({ 'alice sum': '14', 'alice max': '7' })
    expect(await restored(backup)).toBe(4)
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
    expect(await state(moved)).toBe('offered')
    expect(await work()).toMatchObject({ entered: 4, waiting: false, failed: [], refused: [] })
    expect(await shown()).toEqual(before)
    expect(await ledger()).toEqual(['1 apply', '2 apply', '3 apply', '4 revert'])
    expect([await state(moved), await state(second), await state(one.correction)]).toEqual([
      ...['reverted', 'applied', 'applied'],
    ])
    expect((await correctionOf(world, tenant, second)).effect.meters).not.toEqual([])
    // For no reason, and once more after another restore: they were noted anew.
    expect(await reofferActs(world)).toBe(0)
    expect(await restored(backup)).toBe(4)
    await settledAgain()
    expect(await shown()).toEqual(before)
    await reverted(world, tenant, second)
    await reverted(world, tenant, one.correction)
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
  })

  it('one waits until what it took is settled again, and so do those after it', async () => {
    const backup = await image()
    await send(event('small', '1'), event('large', '300'))
    await settleAll(world)
    const amended = await corrected(world, tenant, { customerId: 'alice' }, { quantity: '5' })
    const { correction } = await correctOne(world, tenant, 'large', null)
    const before = await shown()
    expect(await restored(backup)).toBe(2)
    expect(await work()).toMatchObject({ entered: 0, waiting: true, refused: [] })
    expect(await shown()).toEqual({ 'alice sum': '301', 'alice max': '300' })
    expect(await settledAgain()).toMatchObject({ entered: 2, waiting: false })
    expect(await shown()).toEqual(before)
    expect(await state(amended)).toBe('applied')
    expect(await state(correction.correction)).toBe('applied')
    expect(await offered()).toEqual([])
  })

  it('one that waits for its event waits again; one that was cancelled is cancelled, whoever entered it meanwhile', async () => {
    const empty = await image()
    await send(event('hot', '300'), event('other', '1'))
    const { correction: waits } = await correctOne(world, tenant, 'hot', null)
    const { correction: cancelled } = await correctOne(world, tenant, 'other', null)
    const both = await image()
    await reverted(world, tenant, cancelled.correction)
    await restored(empty)
    expect([await state(waits.correction), await state(cancelled.correction)]).toEqual([
      'wanted',
      'cancelled',
    ])
    await putBack(postgres.db, both)
    await settledAgain()
    expect(await state(cancelled.correction)).toBe('applied')
    await restored(await image())
    await settledAgain()
    expect([await state(waits.correction), await state(cancelled.correction)]).toEqual([
      'applied',
      'reverted',
    ])
    expect(await shown()).toEqual({ 'alice sum': '1', 'alice max': '1' })
  })

  it('one that is offered is cancelled by a revert, and stays so', async () => {
    await send(event('large', '300'))
    await settleAll(world)
    const backup = await image()
    const { correction } = await correctOne(world, tenant, 'large', null)
    await restored(backup)
    expect((await reverted(world, tenant, correction.correction)).state).toBe('cancelled')
    await settledAgain()
    expect(await restored(await image())).toBe(0)
    await settledAgain()
    expect(await state(correction.correction)).toBe('cancelled')
    expect(await offered()).toEqual([])
    expect(await shown()).toEqual({ 'alice sum': '300', 'alice max': '300' })
  })

  it('a draft of the backup is applied by what was answered, and not twice by somebody who applies it again', async () => {
    await send(event('large', '300'))
    await settleAll(world)
    const { correction } = await draft(world, tenant, { customerId: 'alice' }, { quantity: '5' })
    const backup = await image()
    const apply = () => applyCorrection(servicesOf(world), tenant, correction.correction)
    await apply()
    await putBack(postgres.db, backup)
    await apply()
    await restored(await image())
    expect(await settledAgain()).toMatchObject({ refused: [] })
    expect(await ledger()).toEqual(['1 apply'])
    expect(await shown()).toEqual({ 'alice sum': '5', 'alice max': '5' })
  })

  it('what another correction took since is not taken once more: it is refused, and says so', async () => {
    await send(event('small', '1'), event('large', '300'))
    await settleAll(world)
    const backup = await image()
    const { correction: first } = await correctOne(world, tenant, 'large', null)
    const { correction: other } = await correctOne(world, tenant, 'small', { quantity: '2' })
    await putBack(postgres.db, backup)
    const { correction: again } = await correctOne(world, tenant, 'large', null)
    await restored(await image())
    const report = await settledAgain()
    expect(report.refused).toEqual([
      { id: first.correction, kind: 'apply', reason: expect.stringContaining('other events') },
    ])
    expect(await correctionOf(world, tenant, first.correction)).toMatchObject({
      state: 'refused',
      refusal: expect.stringContaining('Postgres was put back'),
    })
    expect([await state(other.correction), await state(again.correction)]).toEqual(['applied', 'applied'])
    expect(await shown()).toEqual({ 'alice sum': '2', 'alice max': '2' })
    // It stays refused, also when the other one is taken back.
    await reverted(world, tenant, again.correction)
    await restored(await image())
    expect(await settledAgain()).toMatchObject({ refused: [] })
    expect(await shown()).toEqual({ 'alice sum': '302', 'alice max': '300' })
  })

  it('what is in neither store any more is told, and holds up nobody', async () => {
    const backup = await image()
    await send(event('large', '300'))
    await settleAll(world)
    const { correction: lost } = await correctOne(world, tenant, 'large', null)
    await reverted(world, tenant, lost.correction)
    await send(event('small', '1'))
    await settleAll(world)
    const { correction: there } = await correctOne(world, tenant, 'small', { quantity: '2' })
    const oldest = (await redis.client.zrange(`tg:{${alicesHome()}}:kept`, 0, 0))[0]!
    await redis.client.del(`tg:{${alicesHome()}}:seg:${oldest}`, `tg:{${alicesHome()}}:idx:${oldest}`)
    expect(await restored(backup)).toBe(3)
    expect((await settledAgain()).refused).toEqual([
      { id: lost.correction, kind: 'apply', reason: expect.stringContaining('neither store') },
    ])
    expect([await state(lost.correction), await state(there.correction)]).toEqual(['refused', 'applied'])
    expect(await shown()).toEqual({ 'alice sum': '2', 'alice max': '2' })
    expect(await offered()).toEqual([])
  })

  it('blocks that have other names now are found by their segments', async () => {
    const backup = await image()
    await send(event('small', '1'), event('large', '300'))
    await settleAll(world)
    await corrected(world, tenant, { customerId: 'alice' }, { quantity: '5' })
    const before = await shown()
    await restored(backup)
    await settleAll(world)
    const [name] = (await world.blocks.list('', 10)).map(({ name }) => name)
    const [block] = await world.blocks.get([name!])
    await world.blocks.put([{ name: `${name}0`, content: block!.content }])
    await postgres.db.execute(sql`update log_blocks set name = name || '0' where tenant_id = ${tenant}::uuid`)
    expect(await work()).toMatchObject({ entered: 1, refused: [] })
    expect(await shown()).toEqual(before)
  })

  it('an erasure waits for what was corrected of it before', async () => {
    await send(event('a1', '300'), event('b1', '5', 'bob'))
    await settleAll(world)
    const backup = await image()
    await corrected(world, tenant, { customerId: 'alice' }, { quantity: '7', properties: { secret: 'x' } })
    await askErasure(world, { tenantId: tenant, newId }, 'alice')
    const before = await shown()
    expect(before).toMatchObject({ 'alice sum': '7' })
    await restored(backup)
    // Where the store of blocks was not put back, they are gone from it.
    const isOutside = world.blocks.kind !== 'postgres'
    await eraseEvents(world)
    const { refused } = await settledAgain()
    expect(refused).toHaveLength(isOutside ? 1 : 0)
    if (!isOutside) expect(await shown()).toEqual(before)
    expect(idsOf(await logOf(world, { tenantId: tenant }))).toEqual(['b1'])
    const kept = await rows<{ told: string }>(
      postgres.db,
      sql`select filter::text || change::text as told from corrections where tenant_id = ${tenant}::uuid`,
    )
    expect(kept.map(({ told }) => told).join()).not.toContain('secret')
    const done = await rows<{ done: string }>(
      postgres.db,
      sql`select (done_at is not null)::text as done from erasures`,
    )
    expect(done).toEqual([{ done: 'true' }])
  })

  const dying = (at: number, when: 'before' | 'after') => {
    let calls = 0
    const around = async (_name: string, call: () => Promise<unknown>) => {
      calls++
      if (calls > at) throw new Crash()
      if (calls < at) return call()
      if (when === 'after') await call()
      throw new Crash()
    }
    const of: ReplayWorld = {
      ...world,
      counters: intercept(world.counters, around),
      corrections: intercept(world.corrections, around),
      offered: intercept(world.offered, around),
    }
    return { of, died: () => calls >= at }
  }

  it.each(['before', 'after'] as const)(
    'died %s any of its calls, a correction is there wholly or not at all, and there if it was answered',
    async (when) => {
      await send(event('small', '1'), event('large', '300'))
      await settleAll(world)
      const backup = await image()
      for (let at = 1; ; at += STRIDE) {
        await putBack(postgres.db, backup)
        await redis.client.del(...(await redis.client.keys('tg:*act*')), 'none')
        const { of, died } = dying(at, when)
        const first = await correctOne(of, tenant, 'large', null).catch(() => null)
        // It sees what the first one did, and is answered.
        const { correction } = await correctOne(world, tenant, 'large', { quantity: '9' }).catch(() => ({
          correction: null,
        }))
        const seen = await shown()
        await restored(backup)
        expect(await settledAgain()).toMatchObject({ failed: [], refused: [] })
        if (first !== null || correction !== null) expect(await shown()).toEqual(seen)
        expect([
          { 'alice sum': '1', 'alice max': '1' },
          { 'alice sum': '10', 'alice max': '9' },
          { 'alice sum': '301', 'alice max': '300' },
        ]).toContainEqual(await shown())
        if (!died()) return expect(at).toBeGreaterThan(6)
      }
    },
  )

  it.each(['before', 'after'] as const)(
    'died %s any call of entering again, all is as it was in the end',
    async (when) => {
      const backup = await image()
      await send(event('small', '1'), event('large', '300'))
      await settleAll(world)
      const moved = await corrected(world, tenant, { customerId: 'alice' }, { customerId: 'bob' })
      await correctOne(world, tenant, 'large', { quantity: '9' })
      await reverted(world, tenant, moved)
      const before = await shown()
      for (let at = 1; ; at += STRIDE) {
        const { of, died } = dying(at, when)
        await restored(backup, of).catch(() => {})
        await settleAll(world)
        await work(of).catch(() => {})
        await reofferActs(world)
        await reoffer(world)
        expect(await settledAgain()).toMatchObject({ failed: [], refused: [] })
        expect(await shown()).toEqual(before)
        expect(await ledger()).toEqual(['1 apply', '2 apply', '3 revert'])
        expect(await offered()).toEqual([])
        if (!died()) return expect(at).toBeGreaterThan(15)
      }
    },
  )
})
