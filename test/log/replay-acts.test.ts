// What replay makes of events that were corrected: what adds takes them as they stood when the meter was made, and what doesn't
// as they stand now.

import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fillMeters } from '../../src/log/fill-meters.ts'
import { flush } from '../../src/metering/flush.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { type PostgresBackend, postgresBackends } from '../support/postgres.ts'
import { type RedisBackend, redisBackends } from '../support/redis.ts'
import { intercept } from '../support/world.ts'
import {
  addMeter,
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

  beforeAll(async () => {
    ;[redis, postgres] = await Promise.all([redisBackends[0]!.open(), open()])
  })
  afterAll(() => Promise.all([redis.close(), postgres.close()]))
  beforeEach(async () => {
    await redis.client.flushdb()
    world = replayWorld(redis, postgres)
    tenant = await newTenant(world)
    await addMeter(world, tenant, meterInput({ key: 'all' }))
    await sendTo(world, tenant, [
      { id: 'small', quantity: '1' },
      { id: 'middle', quantity: '20' },
      { id: 'large', quantity: '300' },
    ])
    await flush(world, { leaseMs: 0 })
  })

  /** As entering an act leaves it, but for what it adds to the meters that there are. */
  async function voided(eventId: string): Promise<void> {
    const [id, filter] = [
      crypto.randomUUID(),
      {
        customerId: null,
        resourceType: null,
        fromMs: null,
        toMs: null,
        properties: [],
        eventId,
        receivedFrom: 0,
      },
    ]
    await rows(
      postgres.db,
      sql`insert into corrections (id, tenant_id, state, action, filter, change, reason, blocks, events, effect)
        values (${id}::uuid, ${tenant}::uuid, 'applied', 'void', ${JSON.stringify(filter)}::jsonb, '{}', '', '{}', 1, '{}')`,
    )
    await rows(
      postgres.db,
      sql`with moved as (
          update tenants set ledger = gen_random_uuid(), acts = acts + 1 where id = ${tenant}::uuid returning acts
        )
        insert into acts (tenant_id, number, correction_id, kind, blocks)
        select ${tenant}::uuid, acts, ${id}::uuid, 'apply',
          array(select name::text from log_blocks where tenant_id = ${tenant}::uuid) from moved`,
    )
  }

  const made = (key: string, aggregation: 'sum' | 'max') =>
    addMeter(world, tenant, meterInput({ key, aggregation, counts_from: 'beginning' }))

  async function filled(): Promise<Record<string, string>> {
    while ((await fillMeters(world)).more);
    const { shown, incomplete } = await figures(world, tenant)
    expect(incomplete.size).toBe(0)
    return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name.split(' ')[1]!, value]))
  }

  it('an act from before the meter is in both', async () => {
    await voided('large')
    await made('sum', 'sum')
    await made('max', 'max')
    expect(await filled()).toEqual({ all: '3', sum: '21', max: '20' })
  })

  it('a later act is left to the act where the meter adds', async () => {
    await voided('large')
    await made('sum', 'sum')
    await made('max', 'max')
    await voided('middle')
    expect(await filled()).toEqual({ all: '3', sum: '21', max: '1' })
  })

  it('an act in between keeps what doesn’t add from being entered, and it is counted again', async () => {
    await made('sum', 'sum')
    await made('max', 'max')
    let acted = false
    const replays = intercept(world.replays, async (name, call) => {
      if (name === 'enter' && !acted) {
        acted = true
        await voided('large')
      }
      return call()
    })
    await fillMeters({ ...world, replays })
    expect(await filled()).toEqual({ all: '3', sum: '321', max: '20' })
  })
})
