// Subscribes a customer to a plan. What is due in advance is invoiced at once.

import { TollgateError } from '../../kernel/errors.ts'
import { instantInZoneMs } from '../../kernel/instant.ts'
import { bucketStartMs } from '../../kernel/time.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type Account, unchanged } from '../account.ts'
import type { AccountStore, CouponStore } from '../account-ports.ts'
import { type AccountServices, type Caller, changingAccount } from '../changing-account.ts'
import { checkPrices, type PriceServices } from '../check-prices.ts'
import type { Coupon } from '../coupon.ts'
import { hourOf } from '../date-or-instant.ts'
import { anchorAt, anchorDate, boundaryMs, localDate } from '../interval.ts'
import { closeAccount } from '../invoices/close.ts'
import { type DraftFacts, draftFacts, firstDraft, withDraft } from '../invoices/draft.ts'
import type { Plan } from '../plan.ts'
import type { PlanStore } from '../ports.ts'
import type { BillingSettings } from '../settings.ts'
import { intervalOf } from '../terms.ts'
import { billFromOf } from './bill-from.ts'
import { askedOf, refuseOtherContent } from './external-id.ts'
import { refuseTooManyLines } from './line-bound.ts'
import { refuseOverlaps } from './overlaps.ts'
import { pricedFromMs, SUBSCRIPTIONS_PER_CUSTOMER, type Subscription } from './subscription.ts'
import { anchorKind, type SubscriptionInput } from './subscription-input.ts'

export const START_MAX_DAYS_AHEAD = 366
const DAY_MS = 86_400_000

export type SubscriptionServices = AccountServices &
  PriceServices & {
    clock: () => number
    billing: BillingSettings
    accounts: Pick<AccountStore, 'findSubscription' | 'findByExternalId'>
    catalog: Pick<PlanStore, 'findPlan'>
    coupons: Pick<CouponStore, 'findCoupon'>
  }

export type Subscribed = { subscription: Subscription; created: boolean }

/**
 * Throws validation_failed, already_priced for meters that another subscription of the customer prices, and already_exists for an
 * external id that has another content.
 */
export async function createSubscription(
  services: SubscriptionServices,
  { tenant, newId }: Caller,
  input: SubscriptionInput,
): Promise<Subscribed> {
  const nowMs = services.clock()
  const there = await alreadyThere(services, tenant, input)
  if (there) return there
  const { subscription, plan, coupons } = await subscriptionOf(services, { tenant, newId }, input)
  const asked = { customerId: input.customer_id, endedAfterMs: pricedFromMs(subscription) }
  return changingAccount(services, tenant.tenantId, asked, async (found) => {
    // The account doesn't tell of one that was taken back before it began.
    const existing = await services.accounts.findSubscription(tenant.tenantId, subscription.id)
    if (existing !== null) return { change: null, result: () => ({ subscription: existing, created: true }) }
    const there = await alreadyThere(services, tenant, input)
    if (there) return { change: null, result: () => there }
    refuseTooMany(found)
    const account = onAccount(found, plan, coupons)
    refuseOverlaps(account, subscription)
    const facts = draftFacts(services, { tenant, newId }, { account, subscription, nowMs })
    refuseTooManyLines(facts, subscription.startMs)
    const change = opened(facts, tenant)
    return { change, result: () => ({ subscription: change.subscriptions[0]!, created: true }) }
  })
}

/** The one with the same external id. Throws already_exists for another content. */
async function alreadyThere(
  { accounts }: SubscriptionServices,
  { tenantId, timezone }: TenantConfig,
  input: SubscriptionInput,
): Promise<Subscribed | null> {
  if (input.external_id === undefined) return null
  const subscription = await accounts.findByExternalId(tenantId, input.external_id)
  if (subscription === null) return null
  refuseOtherContent(subscription, askedOf(input, timezone))
  return { subscription, created: false }
}

/** The subscription that was asked for, and what it names. Nothing of the customer is looked at yet. */
export async function subscriptionOf(
  services: SubscriptionServices,
  { tenant, newId }: Caller,
  input: SubscriptionInput,
): Promise<{ subscription: Subscription; plan: Plan; coupons: Coupon[] }> {
  const { timezone } = tenant
  const nowMs = services.clock()
  const plan = await planNamed(services, tenant, input)
  await checkOverrides(services, tenant, input, plan)
  const coupons = await couponsNamed(services, tenant, input.coupons, plan)
  const startMs = startOf(input, timezone, nowMs)
  return {
    subscription: subscriptionFrom(input, { id: newId(), startMs, nowMs, plan, timezone }),
    plan,
    coupons,
  }
}

/** The subscription with its first draft; an opening that is due already is issued with it. */
function opened(facts: DraftFacts, tenant: TenantConfig) {
  const { account, subscription, settings, nowMs } = facts
  const draft = firstDraft(facts)
  const open = withDraft(subscription, draft, settings)
  if (draft.kind === 'period' || open.dueMs! > nowMs)
    return { ...unchanged(account), subscriptions: [open], invoices: [draft] }
  const meters = new Map(tenant.meters.map((meter) => [meter.key, meter]))
  const alone = { ...account, subscriptions: [open], invoices: [draft] }
  return closeAccount({ ...facts, account: alone, meters, usageOf: () => [] })
}

function subscriptionFrom(
  input: SubscriptionInput,
  {
    id,
    startMs,
    nowMs,
    plan,
    timezone,
  }: { id: string; startMs: number; nowMs: number; plan: Plan; timezone: string },
): Subscription {
  const trialDays = input.trial_days ?? plan.terms.trial_days
  const trialEndMs = trialDays === 0 ? null : trialEnd(timezone, startMs, trialDays)
  const interval = intervalOf(plan.terms)
  const anchor = anchorKind(input)
  const { billing_anchor: anchored, bill_from: asked } = input
  const billingAnchor = anchored === undefined ? null : anchorAt(timezone, hourOf(anchored, timezone))
  const countedFrom = billingAnchor ?? anchorDate(timezone, anchor, interval, trialEndMs ?? startMs)
  const periods = { startMs, trialEndMs, anchorDate: countedFrom, interval, timezone, nowMs }
  const billFromMs = billFromOf({
    ...periods,
    askedMs: asked === undefined ? null : instantInZoneMs(timezone, asked),
  })
  return {
    id,
    customerId: input.customer_id,
    ...(input.external_id !== undefined && {
      externalId: input.external_id,
      asked: askedOf(input, timezone),
    }),
    startMs,
    anchor,
    ...(billingAnchor !== null && { billingAnchor }),
    trialEndMs,
    ...(billFromMs !== null && { billFromMs }),
    cancelAtMs: null,
    phases: [
      {
        fromMs: startMs,
        plan: plan.key,
        version: plan.version,
        overrides: input.overrides,
        anchorDate: countedFrom,
      },
    ],
    coupons: input.coupons.map((coupon) => ({ coupon, used: 0 })),
    metadata: input.metadata,
    dueMs: null,
    open: null,
    nextSequence: 0,
    createdMs: nowMs,
  }
}

/** A trial of n days lasts until the n-th midnight. */
const trialEnd = (timezone: string, startMs: number, days: number): number =>
  boundaryMs(timezone, localDate(timezone, startMs).toString(), { unit: 'day', count: 1 }, days)

function refuseTooMany({ subscriptions }: Account): void {
  if (subscriptions.filter(({ dueMs }) => dueMs !== null).length < SUBSCRIPTIONS_PER_CUSTOMER) return
  throw new TollgateError(
    'state_conflict',
    `A customer has ${SUBSCRIPTIONS_PER_CUSTOMER} subscriptions at a time at most.`,
  )
}

/** The account with this plan and these coupons at hand. Throws where its currency is another. */
export const onAccount = (account: Account, plan: Plan, coupons: Coupon[]): Account => ({
  ...account,
  currency: sameCurrency(account, plan),
  terms: [...account.terms, { plan: plan.key, version: plan.version, terms: plan.terms }],
  coupons: [...account.coupons, ...coupons],
})

/** A customer's invoices and credit are in one currency. */
export function sameCurrency({ currency }: Account, plan: Plan): string {
  if (currency === null || currency === plan.currency) return plan.currency
  throw new TollgateError(
    'validation_failed',
    `The customer is billed in ${currency}, and this plan is in ${plan.currency}. Take a plan in ${currency}, or another customer_id for ${plan.currency}.`,
    { issues: [{ pointer: '#/plan', detail: `must be a plan in ${currency}` }] },
  )
}

export async function planNamed(
  { catalog }: Pick<SubscriptionServices, 'catalog'>,
  { tenantId }: TenantConfig,
  { plan: key, version }: { plan: string; version?: number | undefined },
): Promise<Plan> {
  const found = await catalog.findPlan(tenantId, key, version)
  if (found) return found.plan
  const known = version === undefined ? null : await catalog.findPlan(tenantId, key)
  const issue =
    known === null
      ? { pointer: '#/plan', detail: `must be the key of a plan; there is no "${key}"` }
      : { pointer: '#/version', detail: `must be from 1 to ${known.plan.version}` }
  throw new TollgateError('validation_failed', 'There is no such plan.', { issues: [issue] })
}

export async function checkOverrides(
  services: PriceServices,
  { tenantId }: TenantConfig,
  { overrides }: Pick<SubscriptionInput, 'overrides'>,
  plan: Plan,
): Promise<void> {
  const priced = new Set(plan.terms.prices.map(({ meter }) => meter))
  const issues = overrides.flatMap(({ meter }, i) =>
    priced.has(meter)
      ? []
      : [
          {
            pointer: `#/overrides/${i}/meter`,
            detail: `must be a meter that the plan prices; "${meter}" is none`,
          },
        ],
  )
  if (issues.length > 0)
    throw new TollgateError('validation_failed', 'An override is for no price of the plan.', { issues })
  await checkPrices(services, tenantId, overrides, '#/overrides')
}

async function couponsNamed(
  { coupons }: Pick<SubscriptionServices, 'coupons'>,
  { tenantId }: TenantConfig,
  keys: string[],
  { currency }: Plan,
): Promise<Coupon[]> {
  const found = await Promise.all(keys.map((key) => coupons.findCoupon(tenantId, key)))
  const issues = keys.flatMap((key, i) => {
    const coupon = found[i]
    const detail = !coupon
      ? `must be the key of a coupon; there is no "${key}"`
      : coupon.archivedAt !== null
        ? `must be a coupon that is not archived; "${key}" is`
        : coupon.currency !== null && coupon.currency !== currency
          ? `must be a coupon in ${currency}, as the plan is; "${key}" is in ${coupon.currency}`
          : null
    return detail === null ? [] : [{ pointer: `#/coupons/${i}`, detail }]
  })
  if (issues.length > 0)
    throw new TollgateError('validation_failed', 'A coupon can’t be attached.', { issues })
  return found as Coupon[]
}

function startOf({ start }: SubscriptionInput, timezone: string, nowMs: number): number {
  if (start === undefined) return bucketStartMs(timezone, nowMs)
  const startMs = hourOf(start, timezone)
  if (startMs <= nowMs + START_MAX_DAYS_AHEAD * DAY_MS) return startMs
  throw new TollgateError('validation_failed', 'The start is too far away.', {
    issues: [{ pointer: '#/start', detail: `must be at most ${START_MAX_DAYS_AHEAD} days ahead` }],
  })
}
