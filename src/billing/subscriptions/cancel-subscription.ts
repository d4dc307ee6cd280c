// Ends a subscription: with this hour, or when its period ends; and takes that back, as long as it has not ended.

import { bucketStartMs, nextWindowStartMs } from '../../kernel/time.ts'
import { type Account, unchanged } from '../account.ts'
import { type Caller, changingAccount, type Decision } from '../changing-account.ts'
import { type DraftFacts, draftFacts, dueOf } from '../invoices/draft.ts'
import type { SubscriptionServices } from './create-subscription.ts'
import { findSubscription, inAccount } from './find-subscription.ts'
import { refuseOverlaps } from './overlaps.ts'
import { periodEndAfter } from './period-end.ts'
import { changesFirst, redrafted } from './redraft.ts'
import { type Subscription, statusOf } from './subscription.ts'
import type { CancelInput } from './subscription-input.ts'

type Services = Pick<SubscriptionServices, 'accounts' | 'clock' | 'billing'>

export async function cancelSubscription(
  services: Services,
  caller: Caller,
  { id, when }: { id: string } & CancelInput,
): Promise<Subscription> {
  const found = await findSubscription(services, caller.tenant.tenantId, id)
  if (statusOf(found, services.clock()) === 'canceled') return found
  return onSubscription(services, caller, found, (facts) => {
    const { subscription, nowMs } = facts
    if (nowMs < subscription.startMs) return takenBack(facts)
    const cancelAtMs = when === 'now' ? hourEnd(facts) : periodEndAfter(facts, nowMs)
    if (subscription.cancelAtMs !== null && subscription.cancelAtMs <= cancelAtMs)
      return as(facts, subscription)
    const phases = subscription.phases.filter(({ fromMs }) => fromMs < cancelAtMs)
    const canceled = { ...subscription, phases, cancelAtMs }
    // A change that was to come goes with it; where that had made the first draft another one, it is as before.
    const gone = subscription.phases[phases.length]
    return gone !== undefined && changesFirst(facts, gone.fromMs)
      ? withFirstDraft({ ...facts, subscription: canceled })
      : as(facts, canceled)
  })
}

export async function reactivateSubscription(
  services: Services,
  caller: Caller,
  { id }: { id: string },
): Promise<Subscription> {
  const found = await findSubscription(services, caller.tenant.tenantId, id)
  return onSubscription(services, caller, found, (facts) => {
    const reactivated = { ...facts.subscription, cancelAtMs: null }
    refuseOverlaps(facts.account, reactivated)
    return as(facts, reactivated)
  })
}

async function onSubscription(
  services: Services,
  caller: Caller,
  { id, customerId }: Subscription,
  decide: (facts: DraftFacts) => Decision<Subscription>,
): Promise<Subscription> {
  return changingAccount(services, caller.tenant.tenantId, { customerId }, (account: Account) => {
    const nowMs = services.clock()
    const subscription = inAccount(account, id, nowMs)
    return decide(draftFacts(services, caller, { account, subscription, nowMs }))
  })
}

/** The subscription as it is now, with the time that its draft is due at. */
function as({ account, settings }: DraftFacts, subscription: Subscription): Decision<Subscription> {
  const draft = account.invoices.find(({ id }) => id === subscription.open?.invoiceId)
  const changed = draft ? { ...subscription, dueMs: dueOf(subscription, draft, settings) } : subscription
  return { change: { ...unchanged(account), subscriptions: [changed] }, result: () => changed }
}

function withFirstDraft(facts: DraftFacts): Decision<Subscription> {
  const { subscription, draft } = redrafted(facts)
  const change = { ...unchanged(facts.account), subscriptions: [subscription], invoices: [draft] }
  return { change, result: () => subscription }
}

/** One that has not begun has nothing to bill: its draft is void, and never gets a number. */
function takenBack({ account, subscription, nowMs }: DraftFacts): Decision<Subscription> {
  const changed: Subscription = { ...subscription, cancelAtMs: subscription.startMs, dueMs: null, open: null }
  const invoices = account.invoices
    .filter(({ subscriptionId, status }) => subscriptionId === subscription.id && status === 'draft')
    .map((draft) => ({ ...draft, status: 'void' as const, movedMs: nowMs, usageFinal: true }))
  return { change: { ...unchanged(account), subscriptions: [changed], invoices }, result: () => changed }
}

/** What is used in the hour of the cancellation is billed still. */
const hourEnd = ({ timezone, nowMs }: DraftFacts): number =>
  nextWindowStartMs(timezone, 'hour', bucketStartMs(timezone, nowMs))
