// The invoice of a period that begins. Its instants are stored, and never computed again.

import type { TenantConfig } from '../../metering/meter.ts'
import type { Account } from '../account.ts'
import { termsOfPhase } from '../account.ts'
import { periodAt } from '../interval.ts'
import type { BillingSettings } from '../settings.ts'
import { endWithin, firstBilledMs, phaseAt, type Subscription } from '../subscriptions/subscription.ts'
import { intervalOf } from '../terms.ts'
import type { AdvanceLine, Invoice } from './invoice.ts'

export type DraftFacts = {
  account: Account
  subscription: Subscription
  timezone: string
  settings: BillingSettings
  nowMs: number
  newId: () => string
}

/** An account and one of its subscriptions, as whoever asks finds them now. */
export const draftFacts = (
  { billing }: { billing: BillingSettings },
  { tenant, newId }: { tenant: TenantConfig; newId: () => string },
  found: Pick<DraftFacts, 'account' | 'subscription' | 'nowMs'>,
): DraftFacts => ({ ...found, timezone: tenant.timezone, settings: billing, newId })

export type Period = Pick<Invoice, 'kind' | 'startMs' | 'endMs' | 'fullStartMs' | 'fullEndMs' | 'fullDays'>

/** The period that begins at `startMs`: to the next boundary of the subscription's calendar, or to a change that begins another. */
export function periodFrom({ account, subscription, timezone }: DraftFacts, startMs: number): Period {
  const phase = phaseAt(subscription, startMs)
  const interval = intervalOf(termsOfPhase(account, phase))
  const { endMs, fullStartMs, days } = periodAt(timezone, phase.anchorDate, interval, startMs, 0)
  const full = { fullStartMs, fullEndMs: endMs, fullDays: days }
  return { kind: 'period', startMs, endMs: cutAt(subscription, startMs, endMs), ...full }
}

/** Where a period ends that would last until `fullEndMs`. */
export const cutAt = ({ phases }: Subscription, startMs: number, fullEndMs: number): number =>
  phases.find(({ beginsPeriod, fromMs }) => beginsPeriod && startMs < fromMs && fromMs < fullEndMs)?.fromMs ??
  fullEndMs

/** The period that follows an invoice's; null: the subscription ends with it, or had ended before. */
export function periodAfter(
  facts: DraftFacts,
  { kind, endMs }: Pick<Invoice, 'kind' | 'endMs'>,
): Period | null {
  const ends = kind === 'trailing' || endWithin(facts.subscription, endMs + 1) <= endMs
  return ends ? null : periodFrom(facts, endMs)
}

/** The trial, or nothing but an instant: what comes before the first period. What is history is no part of it. */
export function openingOf(subscription: Subscription): Period {
  const endMs = firstBilledMs(subscription)
  const { startMs: begunMs, trialEndMs } = subscription
  const startMs = endMs === (trialEndMs ?? begunMs) ? begunMs : endMs
  return { kind: 'opening', startMs, endMs, fullStartMs: startMs, fullEndMs: endMs, fullDays: 0 }
}

/** What comes after a subscription's end. */
export const trailingFrom = (startMs: number, endMs: number): Period => ({
  kind: 'trailing',
  startMs,
  endMs,
  fullStartMs: startMs,
  fullEndMs: endMs,
  fullDays: 0,
})

/** The first invoice of a subscription: its opening where there is a trial or something due in advance, else the first period's. */
export function firstDraft(facts: DraftFacts): Invoice {
  const { account, subscription } = facts
  const opening = openingOf(subscription)
  const { fees } = termsOfPhase(account, phaseAt(subscription, opening.endMs))
  const opens = opening.endMs > opening.startMs || fees.some(({ due }) => due === 'advance')
  return draftOf(facts, opens ? opening : periodFrom(facts, opening.endMs))
}

export function draftOf(facts: DraftFacts, period: Period, advance: AdvanceLine[] = []): Invoice {
  const { account, subscription, settings, nowMs, newId } = facts
  return {
    id: newId(),
    customerId: subscription.customerId,
    subscriptionId: subscription.id,
    sequence: subscription.nextSequence,
    status: 'draft',
    number: null,
    currency: account.currency!,
    ...period,
    advance,
    lines: [],
    totals: null,
    recipient: null,
    issuedMs: null,
    movedMs: null,
    lateUntilMs: period.endMs + settings.lateMs,
    usageFinal: false,
    adjustedBy: [],
    createdMs: nowMs,
  }
}

/** When a draft is to be issued. An opening waits for nothing: no usage is billed in it. */
export const dueOf = (
  subscription: Subscription,
  draft: Pick<Invoice, 'kind' | 'endMs'>,
  { graceMs }: BillingSettings,
): number => endWithin(subscription, draft.endMs) + (draft.kind === 'opening' ? 0 : graceMs)

/** The subscription with this as its draft. */
export const withDraft = (
  subscription: Subscription,
  draft: Invoice,
  settings: BillingSettings,
): Subscription => ({
  ...subscription,
  open: { invoiceId: draft.id, startMs: draft.startMs, endMs: draft.endMs },
  nextSequence: draft.sequence + 1,
  dueMs: dueOf(subscription, draft, settings),
})
