// Two customers whose usage is corrected long after it was invoiced, on real stores and by a clock that the test moves: alice has
// a subscription, bob is billed by his plan.

import { sql } from 'drizzle-orm'
import { ConfigCache } from '../../../src/access/config-cache.ts'
import { newKey } from '../../../src/access/create-key.ts'
import { createPlan } from '../../../src/billing/create-plan.ts'
import { closeDue } from '../../../src/billing/invoices/close-due.ts'
import { planInputSchema } from '../../../src/billing/plan.ts'
import { defaultBillingSettings } from '../../../src/billing/settings.ts'
import { createSubscription } from '../../../src/billing/subscriptions/create-subscription.ts'
import { subscriptionInputSchema } from '../../../src/billing/subscriptions/subscription-input.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { rfc3339 } from '../../../src/kernel/time.ts'
import { type CounterChange, touchedBy } from '../../../src/log/effect.ts'
import type { Merge } from '../../../src/metering/counter.ts'
import { createMeter } from '../../../src/metering/create-meter.ts'
import { meterInputSchema } from '../../../src/metering/meter-input.ts'
import { PostgresAccountStore } from '../../../src/stores/postgres/account-store.ts'
import { PostgresCouponStore } from '../../../src/stores/postgres/coupon-store.ts'
import { rows } from '../../../src/stores/postgres/db.ts'
import { postgresAccess, postgresCatalog } from '../../../src/stores/postgres/stores.ts'
import { tenantConfig } from '../../support/metering.ts'
import type { PostgresBackend } from '../../support/postgres.ts'
import type { RedisBackend } from '../../support/redis.ts'
import { worldOn } from '../../support/world.ts'

const perUnit = { model: 'per_unit', unit_amount: '1' }
const graduated = {
  model: 'graduated',
  tiers: [
    { up_to: '100', unit_amount: '1' },
    { up_to: null, unit_amount: '0.10' },
  ],
}

/** How each meter merges, and what it costs. */
export const meters = {
  calls: { aggregation: 'sum', merge: 'add', group_by: ['model'], price: graduated },
  gb: { aggregation: 'weighted_sum', merge: 'add', price: perUnit },
  peak: { aggregation: 'max', merge: 'max', price: perUnit },
  last: { aggregation: 'latest', merge: 'latest', price: perUnit },
  users: { aggregation: 'unique_count', merge: 'once', price: perUnit },
} as const satisfies Record<string, { merge: Merge; aggregation: string; price: object; group_by?: string[] }>
export type MeterKey = keyof typeof meters

/** A row of `usage`. */
export type Row = {
  customerId: string
  meter: MeterKey
  hourMs: number
  model: string | null
  user: string
  a: string
  b: string
}

export class Correcting {
  nowMs = Date.UTC(2026, 0, 1)
  readonly tenantId = newId()
  readonly #postgres: PostgresBackend
  readonly services

  constructor(redis: RedisBackend, postgres: PostgresBackend) {
    this.#postgres = postgres
    const access = postgresAccess(postgres.db)
    const clock = () => this.nowMs
    this.services = {
      ...worldOn(redis, postgres, tenantConfig()),
      clock,
      access,
      billing: defaultBillingSettings,
      catalog: postgresCatalog(postgres.db),
      configs: new ConfigCache(access, Date.now),
      accounts: new PostgresAccountStore(postgres.db),
      coupons: new PostgresCouponStore(postgres.db),
    }
  }

  load = () => this.services.configs.load(this.tenantId)

  async begin(): Promise<string> {
    const { services, tenantId } = this
    const tenant = {
      unmetered: 'refuse' as const,
      id: tenantId,
      name: 'acme',
      timezone: 'UTC',
      currency: 'USD',
    }
    await services.access.createTenant(tenant, newKey('first', { newId }).stored, 'default')
    for (const [key, { aggregation, ...more }] of Object.entries(meters)) {
      const { price: _, merge: __, ...fields } = more
      const value = aggregation === 'unique_count' ? { value: 'user' } : {}
      const input = meterInputSchema.parse({ key, resource_type: key, aggregation, ...value, ...fields })
      await createMeter(services, { tenant: await this.load(), newId }, input)
    }
    const prices = Object.entries(meters).map(([meter, { price }]) => ({
      meter,
      price,
      ...(meter === 'calls' && { groups: [{ match: { model: 'large' }, price: perUnit }] }),
    }))
    const plan = planInputSchema.parse({ key: 'pro', currency: 'USD', prices, default: true })
    await createPlan(services, { tenant: await this.load() }, plan)
    return this.subscribe()
  }

  async subscribe(): Promise<string> {
    const input = subscriptionInputSchema.parse({ customer_id: 'alice', plan: 'pro' })
    const caller = { tenant: await this.load(), newId }
    return (await createSubscription(this.services, caller, input)).subscription.id
  }

  /** Issues all that is due by then. */
  async closeUntil(nowMs: number): Promise<void> {
    this.nowMs = nowMs
    for (let runs = 0; runs < 20; runs++) {
      const { failed, more } = await closeDue(this.services)
      if (failed.length > 0) throw new Error(failed[0]!.reason)
      if (!more) return
    }
    throw new Error('Something is due without end')
  }

  async nameOf({ customerId, meter, hourMs, model, user }: Row) {
    const { id } = (await this.load()).meters.find(({ key }) => key === meter)!
    const { merge } = meters[meter]
    const groups = JSON.stringify(meter === 'calls' ? [model] : [])
    return { customerId, meterId: id, hourMs, groups, distinctValue: merge === 'once' ? user : '', merge }
  }

  /** What is in the change, done to the rows of usage; with what it is to be told of, as its statement would. */
  async enter(changes: CounterChange[], correctionId: string | null, asCreditNote = false): Promise<void> {
    for (const change of changes) {
      const { customerId, meterId, hourMs, groups, distinctValue, merge } = change
      const value = change.kind === 'added' ? change.added : change.after
      const name = sql`tenant_id = ${this.tenantId}::uuid and customer_id = ${customerId}::text and meter = ${meterId}::text
        and bucket = ${rfc3339(hourMs)}::timestamptz and groups = ${groups}::text and distinct_value = ${distinctValue}::text`
      if (value === null) await rows(this.#postgres.db, sql`delete from usage where ${name}`)
      else
        await rows(
          this.#postgres.db,
          sql`insert into usage (tenant_id, customer_id, meter, bucket, groups, distinct_value, merge, a, b)
            values (${this.tenantId}::uuid, ${customerId}, ${meterId}, ${rfc3339(hourMs)}::timestamptz, ${groups},
              ${distinctValue}, ${merge}, ${value.a}::numeric, ${value.b}::numeric)
            on conflict (tenant_id, customer_id, meter, bucket, groups, distinct_value) do update set
              a = case when usage.merge = 'add' then usage.a + excluded.a else excluded.a end,
              b = case when usage.merge = 'add' then usage.b + excluded.b else excluded.b end`,
        )
    }
    const touched = touchedBy({ events: changes.length, changes })
    if (correctionId !== null)
      await this.services.accounts.recount(this.tenantId, touched, { correctionId, asCreditNote })
  }

  invoices = async () =>
    (await this.services.accounts.listInvoices(this.tenantId, {}, { after: null, limit: 100 }))
      .filter(({ number }) => number !== null)
      .sort((x, y) => x.number! - y.number!)
}
