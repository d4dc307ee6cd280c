// Actors: tenants subscribe customers, change their plans, cancel, and take that back.

import fc from 'fast-check'
import {
  cancelSubscription,
  reactivateSubscription,
} from '../../../../src/billing/subscriptions/cancel-subscription.ts'
import { changeSubscription } from '../../../../src/billing/subscriptions/change-subscription.ts'
import { createSubscription } from '../../../../src/billing/subscriptions/create-subscription.ts'
import type { Subscription } from '../../../../src/billing/subscriptions/subscription.ts'
import type {
  PlanChangeInput,
  SubscriptionInput,
} from '../../../../src/billing/subscriptions/subscription-input.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import type { Pace } from '../../stage.ts'
import { Violation } from '../../violation.ts'
import { anchorDay, around, beginOf, countedFrom, DAY_MS, dayOf, hourStart } from '../calendar.ts'
import { laws } from '../laws.ts'
import { coupons, meters, pricesArbitrary, wanted } from '../plan.ts'
import type { Known, Year } from '../year.ts'
import { command } from './command.ts'

const HOUR_MS = 3_600_000

/** Only the prices of meters that the plan has from the beginning may be overridden here. */
const overridesOf = (year: Year, plan: number, overrides: Drawn<typeof wanted>['overrides']) => {
  const { prices } = year.setup.plans[plan % year.setup.plans.length]!
  return overrides.filter(({ meter }) => prices.some((price) => price.meter === meter))
}

/** One that takes off an amount goes with plans in its currency alone. */
const fits = ({ setup }: Year, key: string): boolean => {
  const { currency } = coupons.find((one) => one.key === key)!
  return currency === null || currency === setup.currency
}

export function subscriptionInput(year: Year, input: Drawn<typeof wanted>): SubscriptionInput {
  const { startsInHours: hours } = input
  return {
    customer_id: year.customer(input.customer),
    plan: year.planKey(input.plan),
    version: undefined,
    start: hours === 0 ? undefined : new Date(year.time.nowMs + hours * HOUR_MS).toISOString(),
    ...countedFromOf(year, input),
    ...broughtOf(year, input),
    trial_days: input.trialDays,
    overrides: overridesOf(year, input.plan, input.overrides),
    coupons: input.coupons.filter((key) => fits(year, key)),
    metadata: {},
  }
}

function countedFromOf(
  year: Year,
  { tenant, anchor, counted }: Drawn<typeof wanted>,
): Pick<SubscriptionInput, 'anchor' | 'billing_anchor'> {
  if (counted === null) return { anchor }
  const { timezone } = year.tenant(tenant)
  const day = dayOf(timezone, year.time.nowMs) - counted.daysBack
  const atMs = beginOf(timezone, day, counted.hour * HOUR_MS)
  return { billing_anchor: new Date(atMs).toISOString() }
}

/** By the plan as it was at the beginning: it may have another interval meanwhile, and this is refused then. */
function broughtOf(
  year: Year,
  { tenant, anchor, counted, brought, plan }: Drawn<typeof wanted>,
): Pick<SubscriptionInput, 'start' | 'bill_from'> {
  if (brought === null) return {}
  const { timezone } = year.tenant(tenant)
  const { nowMs } = year.time
  const startMs = hourStart(timezone, nowMs - brought.daysAgo * DAY_MS)
  const every = year.setup.plans[plan % year.setup.plans.length]!
  const trialEndMs = beginOf(timezone, dayOf(timezone, startMs) + every.trial_days)
  const firstMs = every.trial_days === 0 ? startMs : trialEndMs
  const timeMs = (counted?.hour ?? 0) * HOUR_MS
  const day =
    counted === null ? anchorDay(timezone, anchor, every, firstMs) : dayOf(timezone, nowMs) - counted.daysBack
  const [from, to] = around(timezone, { day, timeMs }, every, nowMs)
  const fromMs = beginOf(timezone, brought.ahead ? to : from, timeMs)
  return { start: new Date(startMs).toISOString(), bill_from: new Date(fromMs).toISOString() }
}

export const subscribe: Operation<Drawn<typeof wanted>, Year> = {
  name: 'subscribe',
  weight: 9,
  arbitrary: wanted,
  async run(year, input) {
    const id = newId()
    const sent = subscriptionInput(year, input)
    await command(
      year,
      'subscribe',
      input,
      id,
      async ({ services, caller }) => {
        const ids = [id]
        const made = await createSubscription(
          services,
          { ...caller, newId: () => ids.shift() ?? newId() },
          sent,
        )
        return made.subscription
      },
      (answer) => asAsked(year, input.tenant, sent, answer),
    )
  },
}

/** What it is counted from, and billed from, are the hours that were sent. */
function asAsked(
  year: Year,
  tenant: number,
  sent: SubscriptionInput,
  { startMs, billingAnchor, billFromMs = startMs }: Subscription,
): void {
  const { timezone } = year.tenant(tenant)
  const hour = (text: string) => hourStart(timezone, Date.parse(text))
  const { day, timeMs } = countedFrom(billingAnchor ?? '1970-01-01')
  const right =
    (sent.billing_anchor === undefined) === (billingAnchor === undefined) &&
    (sent.billing_anchor === undefined || hour(sent.billing_anchor) === beginOf(timezone, day, timeMs)) &&
    billFromMs === Math.max(startMs, sent.bill_from === undefined ? startMs : hour(sent.bill_from))
  if (!right)
    throw new Violation(
      laws.commands,
      `a subscription from ${sent.start}, counted from ${sent.billing_anchor} and billed from ${sent.bill_from}, was answered with ${startMs}, ${billingAnchor} and ${billFromMs}`,
    )
}

export const changed = fc.record({
  isolate: some,
  pace,
  subscription: some,
  plan: some,
  overrides: fc.option(pricesArbitrary(meters), { freq: 4, nil: [] }),
  when: fc.constantFrom('now' as const, 'now' as const, 'period_end' as const),
  invoice: fc.constantFrom('now' as const, 'now' as const, 'next' as const),
})

export const changeInput = (
  year: Year,
  { plan, overrides, when, invoice }: Drawn<typeof changed>,
): PlanChangeInput => ({
  plan: year.planKey(plan),
  version: undefined,
  overrides: overridesOf(year, plan, overrides),
  when,
  invoice,
})

export const change: Operation<Drawn<typeof changed>, Year> = {
  name: 'change',
  weight: 8,
  arbitrary: changed,
  async run(year, input) {
    const known = year.subscription(input.subscription)
    if (!known) return
    const sent = changeInput(year, input)
    const { id } = known.agreed
    const hours = hoursFrom(year, known, input.isolate)
    await command(
      year,
      'change',
      { ...input, tenant: known.tenant },
      id,
      ({ services, caller }) => changeSubscription(services, caller, { id, change: sent }),
      ({ phases, startMs }) => {
        const { plan, fromMs } = phases.at(-1)!
        const now = hours().some((hour) => Math.max(hour, startMs) === fromMs)
        if (plan !== sent.plan || (sent.when === 'now' && !now))
          throw new Violation(
            laws.commands,
            `a change to ${sent.plan}, ${sent.when}, was answered with ${plan} from ${fromMs} on`,
          )
      },
    )
  },
}

/** The hours in which the command may have been executed. */
function hoursFrom(year: Year, { tenant }: Known, isolate: number): () => number[] {
  const { timezone } = year.tenants[tenant]!
  const { clock } = year.isolate(isolate).services
  const begunMs = clock()
  return () => {
    const hours: number[] = []
    for (let ms = hourStart(timezone, begunMs); ms <= clock(); ms += HOUR_MS) hours.push(ms)
    return hours
  }
}

export const cancel: Operation<
  { isolate: number; pace: Pace; subscription: number; when: 'now' | 'period_end' },
  Year
> = {
  name: 'cancel',
  weight: 4,
  arbitrary: fc.record({
    isolate: some,
    pace,
    subscription: some,
    when: fc.constantFrom('now', 'period_end'),
  }),
  async run(year, { isolate, pace, subscription, when }) {
    const known = year.subscription(subscription)
    if (known) await cancelled(year, known, { isolate, pace, when })
  },
}

export async function cancelled(
  year: Year,
  known: Known,
  { isolate, pace, when }: { isolate: number; pace: Pace; when: 'now' | 'period_end' },
): Promise<void> {
  const { id, startMs } = known.agreed
  const hours = hoursFrom(year, known, isolate)
  await command(
    year,
    'cancel',
    { isolate, pace, tenant: known.tenant },
    id,
    ({ services, caller }) => cancelSubscription(services, caller, { id, when }),
    ({ cancelAtMs }: Subscription) => {
      const last = Math.max(hours().at(-1)! + HOUR_MS, startMs)
      if (cancelAtMs === null || (when === 'now' && cancelAtMs > last))
        throw new Violation(
          laws.commands,
          `a cancellation, ${when}, was answered with an end at ${cancelAtMs}`,
        )
    },
  )
}

export const reactivate: Operation<{ isolate: number; pace: Pace; subscription: number }, Year> = {
  name: 'reactivate',
  weight: 3,
  arbitrary: fc.record({ isolate: some, pace, subscription: some }),
  async run(year, { isolate, pace, subscription }) {
    const known = year.subscription(subscription)
    if (!known) return
    const { id } = known.agreed
    await command(
      year,
      'reactivate',
      { isolate, pace, tenant: known.tenant },
      id,
      ({ services, caller }) => reactivateSubscription(services, caller, { id }),
      ({ cancelAtMs }) => {
        if (cancelAtMs !== null) throw new Violation(laws.commands, 'a reactivated subscription still ends')
      },
    )
  },
}
