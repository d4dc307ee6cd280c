// A year of an installation that bills: its tenants, plans and customers, and what everybody was told.

import { sql } from 'drizzle-orm'
import { createCoupon } from '../../../src/billing/create-coupon.ts'
import { createPlan } from '../../../src/billing/create-plan.ts'
import type { Phase, Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import { defaultLimits } from '../../../src/metering/limits.ts'
import type { Bug } from '../bug.ts'
import type { Actor } from '../network.ts'
import type { VirtualTime } from '../random.ts'
import { Stage, smoothly, type Tenant } from '../stage.ts'
import type { FarEnds } from '../stores.ts'
import { DAY_MS } from './calendar.ts'
import { coupons, customerIds, meters, type Setup, taxes } from './plan.ts'
import { canonical, firstMsOf, phaseAt } from './timeline.ts'
import type { SimEvent } from './usage.ts'

/** A subscription, as its last command was answered; what the job does to it is left out of account. */
export type Known = {
  tenant: number
  customer: string
  agreed: Subscription
  /** what it was on when its first invoice was issued, or is; several: one of these, as nobody heard which */
  firsts: Phase[]
}

/** A change in its first hour, or before anything of it is billed, makes the first invoice another one, as long as that is a draft. */
export function firstsOf(before: Phase[], agreed: Subscription, sure: boolean): Phase[] {
  const { open, nextSequence } = agreed
  const now = phaseAt(agreed, firstMsOf(agreed))
  if (before.length === 0 || (open !== null && nextSequence === 1)) return [now]
  // One that is invoiced at once may have issued its first invoice itself.
  const same = canonical(before.at(-1)) === canonical(now)
  return sure && same ? before : [...before, now]
}

/** A command whose answer did not come: it may have been executed, or may be yet. */
export type Doubt = { tenant: number; subscriptionId: string; actor: Actor | null }

export type Batch = {
  tenant: number
  customer: string
  events: SimEvent[]
  answered: boolean
  firstSentMs: number
  /** They never came as events: a correction enters them, whatever their age. */
  correction?: { id: string; asCreditNote: boolean }
}

export class Year extends Stage<Setup> {
  readonly known = new Map<string, Known>()
  readonly doubts = new Set<Doubt>()
  readonly batches: Batch[] = []
  /** what issued invoices were when they were seen first, by id */
  readonly frozen = new Map<string, string>()
  events = 0

  constructor(setup: Setup, ends: FarEnds, time: VirtualTime, bug?: Bug) {
    super(setup, ends, time, { ...defaultLimits, segmentMaxCounters: setup.segmentMaxCounters }, bug)
    time.advance(setup.day * DAY_MS)
  }

  planKey = (n: number): string => `plan${n % this.setup.plans.length}`
  customer = (n: number): string => customerIds[n % customerIds.length]!

  async begin(): Promise<void> {
    await this.redis.empty()
    await this.postgres.empty()
    for (const tenant of this.tenants) await this.#makeTenant(tenant)
    this.network.open = true
    for (const tenant of this.tenants) await this.#makeCatalog(tenant)
    this.network.open = false
    this.check()
  }

  async #makeTenant({ id, timezone }: Tenant): Promise<void> {
    const customers = customerIds.map((customer, i) => ({ customer, taxes: taxes[this.setup.taxes[i]!] }))
    await this.postgres.look(sql`
      with made as (
        insert into tenants (id, name, timezone, currency) values (${id}::uuid, 't', ${timezone}, ${this.setup.currency})
      ), metered as (
        insert into meters (tenant_id, id, key, resource_type, aggregation, value, group_by)
        select ${id}::uuid, id, key, "resourceType", aggregation, value, "groupBy"
        from json_to_recordset(${JSON.stringify(meters)}::json)
          as m (id text, key text, "resourceType" text, aggregation text, value text, "groupBy" jsonb)
      )
      insert into customers (tenant_id, customer_id, metadata, tax_rates)
      select ${id}::uuid, customer, '{}', taxes
      from json_to_recordset(${JSON.stringify(customers)}::json) as c (customer text, taxes jsonb)`)
  }

  async #makeCatalog({ id }: Tenant): Promise<void> {
    const isolate = this.isolate(0)
    const { services } = isolate
    await this.start('set up', isolate, smoothly, async () => {
      const tenant = await services.configs.load(id)
      for (const [n, terms] of this.setup.plans.entries()) {
        const plan = { key: this.planKey(n), name: null, currency: this.setup.currency, ...terms }
        await createPlan(services, { tenant }, plan)
      }
      for (const coupon of coupons) await createCoupon(services, { tenant }, coupon)
    })
  }

  subscription(n: number): Known | null {
    const all = [...this.known.values()]
    return all.length === 0 ? null : all[n % all.length]!
  }

  /** Nothing of it can be applied any more. */
  isOver({ actor }: Doubt): boolean {
    return (
      actor !== null &&
      actor.calls === 0 &&
      (actor.done || !this.isolates.some(({ number }) => number === actor.isolate))
    )
  }

  /** A subscription, as somebody was told that it is; `sure`: right when it was changed. */
  told(tenant: number, agreed: Subscription, sure: boolean): void {
    const firsts = firstsOf(this.known.get(agreed.id)?.firsts ?? [], agreed, sure)
    this.known.set(agreed.id, { tenant, customer: agreed.customerId, agreed, firsts })
  }

  /** Where no answer came, somebody looks, once nothing is under way any more. */
  async lookAgain(): Promise<void> {
    for (const doubt of this.doubts) {
      if (!this.isOver(doubt)) continue
      this.doubts.delete(doubt)
      const [found] = await this.postgres.look<{ state: string }>(
        sql`select state::text from subscriptions where id = ${doubt.subscriptionId}::uuid`,
      )
      if (found) this.told(doubt.tenant, JSON.parse(found.state) as Subscription, false)
    }
  }

  get unanswered(): Batch[] {
    return this.batches.filter(({ answered }) => !answered)
  }

  /** Of a customer, what was acknowledged. */
  eventsOf(tenant: number, customer: string): SimEvent[] {
    return this.batches
      .filter((batch) => batch.tenant === tenant && batch.customer === customer && batch.answered)
      .flatMap(({ events }) => events)
  }

  /** Whether all is known: nothing is under way, and nobody waits for an answer. */
  get isCalm(): boolean {
    return this.network.parked.length === 0 && this.doubts.size === 0 && this.unanswered.length === 0
  }
}
