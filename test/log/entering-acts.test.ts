// What keeps an act from being entered beside something else: two at once, usage that is settled meanwhile, an event that is hot,
// an hour that the log does not have.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { rfc3339 } from '../../src/kernel/time.ts'
import { enterWanted } from '../../src/log/correct-event.ts'
import { applyCorrection, correctionOf } from '../../src/log/draft-correction.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { intercept } from '../support/world.ts'
import { corrected, correctOne, draft, reverted, servicesOf, settleAll } from './correcting.ts'
import {
  addMeter,
  FIRST_HOUR_MS,
  figures,
  meterInput,
  newTenant,
  type ReplayWorld,
  replayWorld,
  sendTo,
} from './replaying.ts'

describe.each(postgresBackends)('over $name', ({ open }) => {
  let redis: RedisBackend
  let postgres: PostgresBackend
  let world: ReplayWorld
  let tenant: string
  const timestamp = rfc3339(FIRST_HOUR_MS)

  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), open()])
  })
  afterAll(() => Promise.all([redis.close(), postgres.close()]))
  beforeEach(async () => {
    await redis.client.flushdb()
    world = replayWorld(redis, postgres)
    tenant = await newTenant(world)
    for (const aggregation of ['sum', 'max'] as const)
      await addMeter(world, tenant, meterInput({ key: aggregation, aggregation }))
    await sendTo(world, tenant, [
      { id: 'small', quantity: '1', timestamp },
      { id: 'middle', quantity: '20', timestamp },
      { id: 'large', quantity: '300', timestamp },
    ])
    await settleAll(world)
  })

  async function shown(more: { history?: boolean } = {}): Promise<Record<string, string>> {
    const found = Object.entries((await figures(world, tenant, more)).shown)
    return Object.fromEntries(found.map(([name, value]) => [name.split(' ').slice(0, 2).join(' '), value]))
  }

  const state = async (id: string) => (await correctionOf(world, tenant, id)).state

  it('two acts at once are both in every figure, and so are their reverts', async () => {
    const [one, other] = await Promise.all([
      correctOne(world, tenant, 'large', null),
      correctOne(world, tenant, 'middle', { quantity: '50' }),
    ])
    expect(await shown()).toEqual({ 'alice sum': '51', 'alice max': '50' })
    await Promise.all([one, other].map(({ correction }) => reverted(world, tenant, correction.correction)))
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
  })

  it('one correction that is applied and reverted by several at once is entered once each time', async () => {
    const { correction } = await draft(world, tenant, { fromMs: FIRST_HOUR_MS }, { quantity: '2' })
    const id = correction.correction
    const apply = () => applyCorrection(servicesOf(world), tenant, id)
    await Promise.all([apply(), apply(), apply()])
    expect(await shown()).toEqual({ 'alice sum': '6', 'alice max': '2' })
    await Promise.all([1, 2, 3].map(() => reverted(world, tenant, id)))
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
    const acts = await rows<{ kind: string }>(
      postgres.db,
      sql`select kind from acts where correction_id = ${id}::uuid order by number`,
    )
    expect(acts.map(({ kind }) => kind)).toEqual(['apply', 'revert'])
    await expect(apply()).rejects.toMatchObject({ code: 'state_conflict' })
  })

  it('what is settled while a row is counted anew is in it', async () => {
    let acted = false
    const corrections = intercept(world.corrections, async (name, call) => {
      if (name === 'enter' && !acted) {
        acted = true
        await sendTo(world, tenant, [{ id: 'late', quantity: '40', timestamp }])
        await settleAll(world)
      }
      return call()
    })
    await correctOne({ ...world, corrections }, tenant, 'large', null)
    expect(await shown()).toEqual({ 'alice sum': '61', 'alice max': '40' })
  })

  it('a meter that was made meanwhile is counted, too', async () => {
    let acted = false
    const corrections = intercept(world.corrections, async (name, call) => {
      if (name === 'enter' && !acted) {
        acted = true
        await addMeter(world, tenant, meterInput({ key: 'late', counts_from: 'beginning' }))
      }
      return call()
    })
    const entered: number[] = []
    const seen = intercept(corrections, async (name, call) => {
      const outcome = (await call()) as { kind: string }
      if (name === 'enter') entered.push(outcome.kind === 'entered' ? 1 : 0)
      return outcome
    })
    await correctOne({ ...world, corrections: seen }, tenant, 'large', null)
    expect(entered).toEqual([0, 1])
  })

  it('moves what adds and what does not to another customer and hour, and leaves no empty row behind', async () => {
    const id = await corrected(
      world,
      tenant,
      { customerId: 'alice' },
      { customerId: 'bob', timestampMs: FIRST_HOUR_MS + 3_600_000 },
    )
    expect(await shown()).toEqual({ 'bob sum': '321', 'bob max': '300' })
    const left = await rows<{ n: string }>(
      postgres.db,
      sql`select count(*)::text as n from usage where tenant_id = ${tenant}::uuid and customer_id = 'alice'`,
    )
    expect(left).toEqual([{ n: '0' }])
    // It is found where it is by now.
    const again = await corrected(
      world,
      tenant,
      { customerId: 'bob', fromMs: FIRST_HOUR_MS + 3_600_000 },
      { quantity: '1' },
    )
    expect(await shown()).toEqual({ 'bob sum': '3', 'bob max': '1' })
    await reverted(world, tenant, id)
    expect(await shown()).toEqual({ 'alice sum': '3', 'alice max': '1' })
    await reverted(world, tenant, again)
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
  })

  it('an event that is hot is corrected when it is settled, and not before', async () => {
    await sendTo(world, tenant, [{ id: 'hot', quantity: '1000', timestamp }])
    const { correction, byMs } = await correctOne(world, tenant, 'hot', null)
    expect(byMs).toBeGreaterThan(Date.now())
    const services = { ...servicesOf(world), ...world }
    expect(await enterWanted(services, tenant, correction)).toBe(false)
    expect(await shown()).toEqual({ 'alice sum': '1321', 'alice max': '1000' })
    await settleAll(world)
    expect(await enterWanted(services, tenant, correction)).toBe(true)
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
    expect(await state(correction.correction)).toBe('applied')
  })

  it('one that waits for its event is cancelled by a revert, whoever is about to enter it', async () => {
    await sendTo(world, tenant, [{ id: 'hot', quantity: '1000', timestamp }])
    const { correction } = await correctOne(world, tenant, 'hot', null)
    await settleAll(world)
    const corrections = intercept(world.corrections, async (name, call) => {
      if (name === 'enter') await reverted(world, tenant, correction.correction)
      return call()
    })
    await enterWanted({ ...servicesOf(world), ...world, corrections }, tenant, correction)
    expect(await state(correction.correction)).toBe('cancelled')
    expect(await shown()).toEqual({ 'alice sum': '1321', 'alice max': '1000' })
  })

  it('a draft whose effect is another one by now is not applied, and has the new one then', async () => {
    const { correction } = await draft(world, tenant, { customerId: 'alice' }, null)
    await correctOne(world, tenant, 'large', null)
    const apply = () => applyCorrection(servicesOf(world), tenant, correction.correction)
    await expect(apply()).rejects.toMatchObject({ code: 'effect_changed' })
    expect(await shown()).toEqual({ 'alice sum': '21', 'alice max': '20' })
    expect((await apply()).events).toBe(2)
    expect(await shown()).toEqual({})
  })

  it('does not count anew what the log does not have, and corrects what adds all the same', async () => {
    // A server without a log was at it.
    await sendTo(world, tenant, [{ id: 'unlogged', quantity: '900', timestamp }])
    await settleAll({ ...world, log: null })
    await expect(correctOne(world, tenant, 'large', null)).rejects.toMatchObject({ code: 'before_the_log' })
    await expect(correctOne(world, tenant, 'unlogged', null)).rejects.toMatchObject({ code: 'not_found' })
    await sendTo(world, tenant, [{ id: 'logged', quantity: '5', timestamp }])
    await settleAll(world)
    await expect(correctOne(world, tenant, 'logged', null)).rejects.toMatchObject({ code: 'before_the_log' })
    expect(await shown()).toEqual({ 'alice sum': '1226', 'alice max': '900' })
  })

  it('counts history anew from all of its blocks, too', async () => {
    await sendTo(world, tenant, [{ id: 'old small', quantity: '4', timestamp }], true)
    await settleAll(world)
    await sendTo(world, tenant, [{ id: 'old large', quantity: '5000', timestamp }], true)
    await settleAll(world)
    expect(await shown({ history: true })).toEqual({ 'alice sum': '5325', 'alice max': '5000' })
    const { correction } = await correctOne(world, tenant, 'old large', null)
    expect(await shown({ history: true })).toEqual({ 'alice sum': '325', 'alice max': '300' })
    const old = await rows<{ a: string }>(
      postgres.db,
      sql`select trim_scale(a)::text as a from usage
        where tenant_id = ${tenant}::uuid and customer_id = 'alice' and meter like 'h:%'`,
    )
    expect(old.map(({ a }) => a)).toEqual(['4', '4'])
    await reverted(world, tenant, correction.correction)
    expect(await shown({ history: true })).toEqual({ 'alice sum': '5325', 'alice max': '5000' })
    expect(await shown()).toEqual({ 'alice sum': '321', 'alice max': '300' })
  })

  it('refuses what a meter would not take', async () => {
    await expect(correctOne(world, tenant, 'large', { quantity: '-1' })).rejects.toMatchObject({
      code: 'validation_failed',
      issues: [{ pointer: '#/quantity' }],
    })
    await expect(correctOne(world, tenant, 'nobody', null)).rejects.toMatchObject({ code: 'not_found' })
    await correctOne(world, tenant, 'large', null)
    await expect(correctOne(world, tenant, 'large', null)).rejects.toMatchObject({ code: 'state_conflict' })
    expect(await shown()).toEqual({ 'alice sum': '21', 'alice max': '20' })
  })
})
