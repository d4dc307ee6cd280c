import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { planInputSchema } from '../../src/billing/plan.ts'
import { onlyPrices } from '../../src/billing/terms.ts'
import { flush } from '../../src/metering/flush.ts'
import { reconcile } from '../../src/metering/reconcile.ts'
import { rows } from '../../src/stores/postgres/db.ts'
import { fillDays } from '../../src/stores/postgres/fill-days.ts'
import { openPglite } from '../../src/stores/postgres/pglite.ts'
import { postgresAccess, postgresCatalog } from '../../src/stores/postgres/stores.ts'
import { meter, tenantConfig } from '../support/metering.ts'
import { redisBackends } from '../support/redis.ts'
import { send, totals, worldOn } from '../support/world.ts'

const folder = fileURLToPath(new URL('../../migrations', import.meta.url))

/** The statements of every migration, in their order. */
async function migrations(): Promise<{ tag: string; statements: string[] }[]> {
  const journal = JSON.parse(await readFile(`${folder}/meta/_journal.json`, 'utf8')) as {
    entries: { tag: string }[]
  }
  return Promise.all(
    journal.entries.map(async ({ tag }) => ({
      tag,
      statements: (await readFile(`${folder}/${tag}.sql`, 'utf8')).split('--> statement-breakpoint'),
    })),
  )
}

type Migrations = Awaited<ReturnType<typeof migrations>>

const applying = (client: { exec(sql: string): Promise<unknown> }) => async (some: Migrations) => {
  for (const { statements } of some) for (const statement of statements) await client.exec(statement)
}

it('plans that were there before they had versions are their own version 1, with their prices', async () => {
  const { db, client, close } = await openPglite(null)
  try {
    const all = await migrations()
    const from = all.findIndex(({ tag }) => tag === '0002_billing')
    const apply = applying(client)
    await apply(all.slice(0, from))

    const tenants = [crypto.randomUUID(), crypto.randomUUID()]
    const price = (meter: string) => ({
      meter,
      price: { model: 'per_unit' as const, unit_amount: '0.00000015', free_units: '10' },
    })
    const plans = [
      { tenant: tenants[0]!, key: 'default', prices: [] },
      { tenant: tenants[0]!, key: 'pro', prices: [price('b'), price('a')] },
      { tenant: tenants[1]!, key: 'pro', prices: [price('c')] },
    ]
    for (const id of tenants)
      await rows(
        db,
        sql`insert into tenants (id, name, timezone, currency, default_plan) values (${id}::uuid, 't', 'UTC', 'USD', 'pro')`,
      )
    for (const { tenant, key, prices } of plans)
      await rows(
        db,
        sql`insert into plans (tenant_id, key, name, currency, prices, updated_at) values
          (${tenant}::uuid, ${key}::text, 'P', 'EUR', ${JSON.stringify(prices)}::text::jsonb, '2026-10-05T06:07:08Z')`,
      )

    await apply(all.slice(from))

    const [stored] = await rows(
      db,
      sql`select count(*)::text as n, min(version)::text as least, max(version)::text as most,
        min(extract(epoch from created_at))::bigint::text as at from plan_versions`,
    )
    expect(stored).toEqual({
      n: String(plans.length),
      least: '1',
      most: '1',
      at: String(Date.UTC(2026, 9, 5, 6, 7, 8) / 1_000),
    })
    const catalog = postgresCatalog(db)
    for (const { tenant, key, prices } of plans) {
      // What a plan created today with these prices alone would be.
      const { key: _, currency, ...terms } = planInputSchema.parse({ key, currency: 'EUR', prices })
      expect(terms).toEqual(onlyPrices(prices))
      expect(await catalog.findPlan(tenant, key)).toMatchObject({
        isDefault: key === 'pro',
        plan: { key, name: 'P', currency, version: 1, terms },
      })
    }
    // And they go on from there.
    const terms = onlyPrices([])
    expect(await catalog.changePlan(tenants[1]!, 'pro', { terms, seenVersion: 1 })).toMatchObject({
      kind: 'changed',
      plan: { version: 2, terms },
    })
  } finally {
    await close()
  }
})

it('meters that were there before they had ids go on with their counters, tallies and accounts', async () => {
  const [{ db, client, close }, redis] = await Promise.all([openPglite(null), redisBackends[0]!.open()])
  try {
    const all = await migrations()
    const from = all.findIndex(({ tag }) => tag.endsWith('_meter_ids'))
    const apply = applying(client)
    await apply(all.slice(0, from))

    // Counters were named by keys: by an id that is the key.
    const meters = ['calls', 'a.b-c_d'].map((key) => meter(key, 'sum', { id: key }))
    const old = tenantConfig(meters)
    await rows(
      db,
      sql`insert into tenants (id, name, timezone, currency) values (${old.tenantId}::uuid, 't', 'UTC', 'USD')`,
    )
    for (const { key, resourceType } of meters)
      await rows(
        db,
        sql`insert into meters (tenant_id, key, resource_type, aggregation, value, group_by)
          values (${old.tenantId}::uuid, ${key}::text, ${resourceType}::text, 'sum', 'quantity', '[]')`,
      )
    const world = worldOn(redis, { db, close }, old)
    // Nor was there a log.
    const then = { ...world, log: null }
    await send(then, old, [{ quantity: 3 }])
    // Settling notes since when there is a log, which the version of then did not.
    await rows(db, sql`alter table tenants add column log_since timestamptz`)
    await flush(then)
    await rows(db, sql`alter table tenants drop column log_since`)
    await send(then, old, [{ quantity: 4 }])

    await apply(all.slice(from))
    await fillDays(db)

    const config = await postgresAccess(db).loadConfig(old.tenantId)
    expect(config.meters.map(({ id, key }) => [id, key])).toEqual([
      ['a.b-c_d', 'a.b-c_d'],
      ['calls', 'calls'],
    ])
    expect(await totals(world, config)).toEqual({ 'a.b-c_d': '7', calls: '7' })
    await send(world, config, [{ quantity: 10 }])
    const account = { accepted: { events: '3', quantity: '17' }, settled: { events: '1', quantity: '3' } }
    expect(await reconcile(world, config)).toMatchObject({
      driftSinceMs: null,
      meters: [account, account],
    })
    await flush(world)
    expect(await totals(world, config)).toEqual({ 'a.b-c_d': '17', calls: '17' })
  } finally {
    await Promise.all([close(), redis.close()])
  }
})
