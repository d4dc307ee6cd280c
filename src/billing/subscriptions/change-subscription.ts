// Puts a subscription on another plan, or on another version of its plan: with this hour, or when its period ends. Fees that
// were billed in advance are corrected by days, on the invoice of the period or at once. Another interval begins another period.

import { TollgateError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import { sameJson } from '../../kernel/same-json.ts'
import { bucketStartMs, rfc3339 } from '../../kernel/time.ts'
import { type Account, type AccountChange, changedBy, termsOfPhase, together, unchanged } from '../account.ts'
import { type Caller, changingAccount } from '../changing-account.ts'
import { anchorDate, timeOfAnchor } from '../interval.ts'
import { cutAt, type DraftFacts, draftFacts, withDraft } from '../invoices/draft.ts'
import type { Invoice } from '../invoices/invoice.ts'
import { invoicedAtOnce } from '../invoices/invoice-at-once.ts'
import type { UsageServices } from '../invoices/usage-reader.ts'
import type { Plan } from '../plan.ts'
import { intervalOf } from '../terms.ts'
import { checkOverrides, onAccount, planNamed, type SubscriptionServices } from './create-subscription.ts'
import { findSubscription, inAccount } from './find-subscription.ts'
import { refuseTooManyLines } from './line-bound.ts'
import { refuseOverlaps } from './overlaps.ts'
import { periodEndAfter } from './period-end.ts'
import { changesFirst, type Drafted, draftIn, redrafted } from './redraft.ts'
import {
  firstBilledMs,
  PHASES_PER_SUBSCRIPTION,
  type Phase,
  phaseAt,
  type Subscription,
} from './subscription.ts'
import type { PlanChangeInput } from './subscription-input.ts'

type ChangeServices = SubscriptionServices & UsageServices
type Change = { id: string; plan: Plan; change: PlanChangeInput }

export async function changeSubscription(
  services: ChangeServices,
  caller: Caller,
  { id, change }: { id: string; change: PlanChangeInput },
): Promise<Subscription> {
  const { tenantId } = caller.tenant
  const { customerId } = await findSubscription(services, tenantId, id)
  const plan = await planForChange(services, caller, change)
  return changingAccount(services, tenantId, { customerId }, async (account) => {
    const decided = await decidedChange(services, caller, account, { id, plan, change })
    return { change: decided, result: () => decided.subscriptions[0]! }
  })
}

/** All that the change writes: the subscription, its draft if that is another then, and what is invoiced at once. */
export async function decidedChange(
  services: ChangeServices,
  caller: Caller,
  found: Account,
  wanted: Change,
): Promise<AccountChange> {
  const facts = changedFacts(services, caller, found, wanted)
  const { account, subscription, fromMs } = facts
  const draft = draftIn(account, subscription)
  const change = { ...unchanged(account), subscriptions: [subscription], invoices: draft ? [draft] : [] }
  const { when, invoice } = wanted.change
  return when === 'now' && invoice === 'now'
    ? together(change, await invoicedAtOnce(services, caller.tenant, facts, fromMs))
    : change
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

/** The account as the change would leave it, and from when on. Throws where it can't be made. */
function changedFacts(
  services: Pick<SubscriptionServices, 'clock' | 'billing'>,
  { tenant }: Caller,
  found: Account,
  { id, plan, change }: Change,
): DraftFacts & { fromMs: number } {
  const nowMs = services.clock()
  const subscription = inAccount(found, id, nowMs)
  const account = onAccount(found, plan, [])
  // New ids, also where a request is executed again: what it has issued the first time is there already.
  const facts = draftFacts(services, { tenant, newId }, { account, subscription, nowMs })
  const fromMs =
    change.when === 'now'
      ? Math.max(bucketStartMs(tenant.timezone, nowMs), subscription.startMs)
      : periodEndAfter(facts, nowMs)
  refuseAfterEnd(subscription, fromMs)
  const kept = subscription.phases.filter((one) => one.fromMs < fromMs)
  const { phase, begins } = nextPhase(facts, { plan, change, fromMs, before: kept.at(-1) })
  if (begins) refuseBeforeEnd(subscription)
  const phases = [...kept, phase]
  if (phases.length > PHASES_PER_SUBSCRIPTION) {
    throw new TollgateError(
      'state_conflict',
      `The subscription was changed ${PHASES_PER_SUBSCRIPTION} times. Cancel it, and create another one.`,
    )
  }
  const changed = { ...facts, subscription: { ...subscription, phases } }
  const { draft, ...after } = changesFirst(facts, fromMs)
    ? redrafted(changed)
    : cut(changed, begins ? fromMs : null)
  refuseOverlaps(account, after.subscription)
  refuseTooManyLines({ ...facts, ...after }, fromMs)
  const written = { subscriptions: [after.subscription], invoices: draft ? [draft] : [] }
  return { ...facts, ...after, account: changedBy(account, { ...unchanged(account), ...written }), fromMs }
}

/** Its draft with the end that its period has now: a change that begins another one cuts it, and one that takes that back doesn't. */
function cut({ account, subscription, settings }: DraftFacts, begunMs: number | null): Drafted {
  const draft = draftIn(account, subscription)
  if (draft?.kind !== 'period' || isEmpty(draft)) return { subscription, draft }
  const { startMs, fullEndMs } = draft
  const endMs = startMs === begunMs ? startMs : cutAt(subscription, startMs, fullEndMs)
  const after = { ...draft, endMs }
  return { subscription: withDraft(subscription, after, settings), draft: after }
}

/** Its period ended with the instant that it began at: all that was billed in advance for it is given back. */
const isEmpty = ({ kind, startMs, endMs }: Invoice): boolean => kind === 'period' && startMs === endMs

function nextPhase(
  facts: DraftFacts,
  {
    plan,
    change,
    fromMs,
    before,
  }: { plan: Plan; change: PlanChangeInput; fromMs: number; before: Phase | undefined },
): { phase: Phase; begins: boolean } {
  const { account, subscription, timezone } = facts
  const draft = draftIn(account, subscription)
  const begunNow = draft?.kind === 'period' && draft.startMs === fromMs
  const will = intervalOf(plan.terms)
  // A change that was to come is replaced, and leaves no trace: what counts is what runs until then. But a period that has
  // begun with this hour was begun by what this hour began with; and the same change sent again is what it was.
  const here = phaseAt(subscription, fromMs)
  const again = begunNow && sameJson(intervalOf(termsOfPhase(account, here)), will)
  const was = before === undefined || again || (begunNow && !isEmpty(draft)) ? here : before
  const keepsInterval = sameJson(intervalOf(termsOfPhase(account, was)), will)
  const begins = !changesFirst(facts, fromMs) && (!keepsInterval || (begunNow && isEmpty(draft)))
  const countsFromMs = Math.max(fromMs, firstBilledMs(subscription))
  const timeMs = timeOfAnchor(was.anchorDate)
  const { billingAnchor, billFromMs } = subscription
  const anchored = changesFirst(facts, fromMs) && billFromMs === undefined ? billingAnchor : undefined
  // In the place of a phase that has begun the period, it is where that begins.
  const begun = begunNow && subscription.phases.some((one) => one.fromMs === fromMs && one.beginsPeriod)
  const phase: Phase = {
    fromMs,
    plan: plan.key,
    version: plan.version,
    overrides: change.overrides,
    anchorDate: keepsInterval
      ? was.anchorDate
      : (anchored ?? anchorDate(timezone, subscription.anchor, will, countsFromMs, timeMs)),
    ...((begins || begun) && { beginsPeriod: true }),
  }
  return { phase, begins }
}

function refuseAfterEnd({ cancelAtMs }: Subscription, fromMs: number): void {
  if (cancelAtMs === null || fromMs < cancelAtMs) return
  throw new TollgateError(
    'state_conflict',
    'The subscription ends before that. Reactivate it first: POST /api/v1/subscriptions/{id}/reactivate.',
  )
}

/** A period that ends early has its fee in advance billed up to there only. Reactivated, it would ask for most of it a period late. */
function refuseBeforeEnd({ cancelAtMs }: Subscription): void {
  if (cancelAtMs === null) return
  throw new TollgateError(
    'state_conflict',
    `The subscription ends on ${rfc3339(cancelAtMs)}, and this change would begin another period. Reactivate it first: POST /api/v1/subscriptions/{id}/reactivate.`,
  )
}
