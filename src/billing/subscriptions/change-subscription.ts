// Puts a subscription on another plan, or on another version of its plan: with this hour, or when its period ends. Fees that
// were billed in advance are corrected by days on the invoice of the period.

import { TollgateError } from '../../kernel/errors.ts'
import { bucketStartMs } from '../../kernel/time.ts'
import { type Account, termsOfPhase, unchanged } from '../account.ts'
import { type Caller, changingAccount } from '../changing-account.ts'
import { anchorDate } from '../interval.ts'
import { type DraftFacts, draftFacts, firstDraft, withDraft } from '../invoices/draft.ts'
import type { Invoice } from '../invoices/invoice.ts'
import type { Plan } from '../plan.ts'
import { intervalOf } from '../terms.ts'
import { checkOverrides, onAccount, planNamed, type SubscriptionServices } from './create-subscription.ts'
import { findSubscription, inAccount } from './find-subscription.ts'
import { refuseTooManyLines } from './line-bound.ts'
import { refuseOverlaps } from './overlaps.ts'
import { periodEndAfter } from './period-end.ts'
import { PHASES_PER_SUBSCRIPTION, type Phase, phaseAt, type Subscription } from './subscription.ts'
import type { PlanChangeInput } from './subscription-input.ts'

export async function changeSubscription(
  services: SubscriptionServices,
  caller: Caller,
  { id, change }: { id: string; change: PlanChangeInput },
): Promise<Subscription> {
  const { tenantId } = caller.tenant
  const { customerId } = await findSubscription(services, tenantId, id)
  const plan = await planForChange(services, caller, change)
  return changingAccount(services, tenantId, { customerId }, (account) => {
    const { subscription, draft } = changedSubscription(services, caller, account, { id, plan, change })
    return {
      change: { ...unchanged(account), subscriptions: [subscription], invoices: draft ? [draft] : [] },
      result: () => subscription,
    }
  })
}

export async function planForChange(
  services: SubscriptionServices,
  { tenant }: Caller,
  change: PlanChangeInput,
): Promise<Plan> {
  const plan = await planNamed(services, tenant, change)
  await checkOverrides(services, tenant, change, plan)
  return plan
}

/** What the change would make of the subscription, and of its draft if that is another then. Throws where it can't be made. */
export function changedSubscription(
  services: Pick<SubscriptionServices, 'clock' | 'billing'>,
  { tenant, newId }: Caller,
  found: Account,
  { id, plan, change }: { id: string; plan: Plan; change: PlanChangeInput },
): { subscription: Subscription; draft: Invoice | null } {
  const nowMs = services.clock()
  const subscription = inAccount(found, id, nowMs)
  const account = onAccount(found, plan, [])
  const facts = draftFacts(services, { tenant, newId }, { account, subscription, nowMs })
  const fromMs =
    change.when === 'now'
      ? Math.max(bucketStartMs(tenant.timezone, nowMs), subscription.startMs)
      : periodEndAfter(facts, nowMs)
  refuseAfterEnd(subscription, fromMs)
  const kept = subscription.phases.filter((one) => one.fromMs < fromMs)
  // A change that was to come is replaced, and leaves no trace: what counts is what runs until then.
  const before = kept.at(-1) ?? phaseAt(subscription, fromMs)
  const phases = [...kept, nextPhase(facts, { plan, change, fromMs, before })]
  if (phases.length > PHASES_PER_SUBSCRIPTION) {
    throw new TollgateError(
      'state_conflict',
      `The subscription was changed ${PHASES_PER_SUBSCRIPTION} times. Cancel it, and create another one.`,
    )
  }
  const changed = { ...subscription, phases }
  refuseOverlaps(account, changed)
  refuseTooManyLines({ ...facts, subscription: changed }, fromMs)
  return changesFirst(facts, fromMs)
    ? drafted({ ...facts, subscription: changed })
    : { subscription: changed, draft: null }
}

/** Whether the subscription is on this plan from its start on, and nothing of it is issued yet. */
const changesFirst = ({ account, subscription }: DraftFacts, fromMs: number): boolean =>
  fromMs === subscription.startMs && draftIn(account, subscription)?.sequence === 0

/** Its first draft anew: the period may be another one, and what is due in advance, too. */
function drafted(facts: DraftFacts): { subscription: Subscription; draft: Invoice } {
  const { account, subscription, settings } = facts
  const { id, createdMs } = draftIn(account, subscription)!
  const again = { ...facts, subscription: { ...subscription, nextSequence: 0 }, newId: () => id }
  const draft = { ...firstDraft(again), createdMs }
  return { subscription: withDraft(subscription, draft, settings), draft }
}

const draftIn = ({ invoices }: Account, { open }: Subscription): Invoice | undefined =>
  invoices.find(({ id }) => id === open?.invoiceId)

function nextPhase(
  facts: DraftFacts,
  { plan, change, fromMs, before }: { plan: Plan; change: PlanChangeInput; fromMs: number; before: Phase },
): Phase {
  const { account, subscription, timezone } = facts
  const [was, will] = [intervalOf(termsOfPhase(account, before)), intervalOf(plan.terms)]
  const sameInterval = was.unit === will.unit && was.count === will.count
  const { trialEndMs } = subscription
  const inTrial = trialEndMs !== null && fromMs < trialEndMs
  if (!sameInterval && change.when === 'now' && !inTrial && !changesFirst(facts, fromMs)) {
    throw new TollgateError(
      'state_conflict',
      `The plan "${plan.key}" has another interval. A period that has begun keeps its length: send "when": "period_end".`,
    )
  }
  const countsFromMs = inTrial ? trialEndMs : fromMs
  return {
    fromMs,
    plan: plan.key,
    version: plan.version,
    overrides: change.overrides,
    anchorDate: sameInterval
      ? before.anchorDate
      : anchorDate(timezone, subscription.anchor, will, countsFromMs),
  }
}

function refuseAfterEnd({ cancelAtMs }: Subscription, fromMs: number): void {
  if (cancelAtMs === null || fromMs < cancelAtMs) return
  throw new TollgateError(
    'state_conflict',
    'The subscription ends before that. Reactivate it first: POST /api/v1/subscriptions/{id}/reactivate.',
  )
}
