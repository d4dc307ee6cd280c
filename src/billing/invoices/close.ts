// Closing: issues what is due of an account, and opens what comes next. Pure: from an account, its usage and an instant to
// what is written. Run twice, late, or by two at once it does the same once, because writing it moves the account's version.

import { roundedAmount } from '../../kernel/currency.ts'
import { decimal } from '../../kernel/decimal.ts'
import { type AccountChange, changedBy, drawn, together, unchanged } from '../account.ts'
import type { CreditEntry, Grant } from '../credit/credit.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { type Computed, type ComputeFacts, computeInvoice } from './compute.ts'
import { type DraftFacts, draftOf, type Period, trailingFrom, withDraft } from './draft.ts'
import type { AdvanceLine, Invoice, Totals } from './invoice.ts'
import { lookedAt, lookedInto, reachable } from './late-usage.ts'

export type CloseFacts = Omit<ComputeFacts, 'subscription'>

export const isDue = ({ dueMs }: Subscription, nowMs: number): boolean => dueMs !== null && dueMs <= nowMs

/** The draft that is next to be issued of a subscription; for one that has ended, what came late. */
export function openInvoice({
  account,
  subscription,
  settings,
  ...facts
}: Omit<ComputeFacts, 'usageOf' | 'meters'>): Invoice {
  const draft = account.invoices.find(
    ({ subscriptionId, status }) => subscriptionId === subscription.id && status === 'draft',
  )
  if (draft) return draft
  const endMs = subscription.cancelAtMs!
  return draftOf({ account, subscription, settings, ...facts }, trailingFrom(endMs, endMs + settings.lateMs))
}

/** Closes one period of every subscription of the account that is due. */
export function closeAccount(facts: CloseFacts): AccountChange {
  let { account } = facts
  let change = unchanged(account)
  for (const subscription of account.subscriptions) {
    if (!isDue(subscription, facts.nowMs)) continue
    const closed = closeSubscription({ ...facts, account, subscription })
    change = together(change, closed)
    // What one subscription draws, the next one finds gone.
    account = changedBy(account, closed)
  }
  return change
}

function closeSubscription(facts: ComputeFacts): AccountChange {
  if (neverBilled(facts.subscription)) return dropped(facts)
  const expired = expiries(facts)
  const account = { ...facts.account, grants: drawn(facts.account.grants, expired) }
  const open = openInvoice(facts)
  const computed = computeInvoice({ ...facts, account }, open)
  // A period always has its invoice; what came late after the end only where there is something.
  const issues = open.kind !== 'trailing' || computed.lines.length > 0
  const issued = issues ? issue(facts, open, computed) : null
  const { grants, entries } =
    issued === null ? { grants: [], entries: [] } : creditOf(facts, issued, computed)
  const { subscription, draft } = follow(facts, open, computed, issued !== null)
  return {
    ...unchanged(account),
    subscriptions: [subscription],
    invoices: [...changedByLook(facts, issued), ...(issued ? [issued] : []), ...(draft ? [draft] : [])],
    grants,
    entries: [...expired, ...entries],
  }
}

/** Brought along, and ended before anything of it was to be billed. */
const neverBilled = ({ cancelAtMs, billFromMs, nextSequence }: Subscription): boolean =>
  cancelAtMs !== null && billFromMs !== undefined && cancelAtMs <= billFromMs && nextSequence <= 1

/** Its draft is void, and never gets a number. */
function dropped({ account, subscription, nowMs, ...facts }: ComputeFacts): AccountChange {
  const draft = openInvoice({ account, subscription, nowMs, ...facts })
  return {
    ...unchanged(account),
    subscriptions: [{ ...subscription, dueMs: null, open: null }],
    invoices: [{ ...draft, status: 'void', movedMs: nowMs, usageFinal: true }],
  }
}

/** Earlier invoices that `issued` adjusts, and those that no event can reach any more. */
const changedByLook = ({ account, subscription, nowMs }: ComputeFacts, issued: Invoice | null): Invoice[] =>
  lookedInto(account, subscription.id)
    .map((before) => ({ before, after: lookedAt(before, issued, nowMs) }))
    .filter(
      ({ before, after }) =>
        after.usageFinal || before.reopened || after.adjustedBy.length > before.adjustedBy.length,
    )
    .map(({ after }) => after)

/** The subscription after an invoice was issued, and the draft of the period that begins. */
function follow(
  facts: ComputeFacts,
  closed: Invoice,
  { next, totals }: Computed,
  wasIssued: boolean,
): { subscription: Subscription; draft: Invoice | null } {
  const { subscription, settings } = facts
  const after: Subscription = {
    ...withCouponsUsed(subscription, totals),
    nextSequence: Math.max(subscription.nextSequence, closed.sequence + (wasIssued ? 1 : 0)),
  }
  if (next === null)
    return { subscription: { ...after, open: null, dueMs: endOf(facts, closed) }, draft: null }
  const draft = draftAfter({ ...facts, subscription: after }, closed, next)
  return { subscription: withDraft(after, draft, settings), draft }
}

/** Newer than the one before it, also where both are made in one millisecond: lists go by that. */
export const draftAfter = (
  facts: DraftFacts,
  before: Pick<Invoice, 'createdMs'>,
  { period, advance }: { period: Period; advance: AdvanceLine[] },
): Invoice => draftOf({ ...facts, nowMs: Math.max(facts.nowMs, before.createdMs + 1) }, period, advance)

export function withCouponsUsed(subscription: Subscription, { discounts }: Totals): Subscription {
  const taken = new Set(discounts.map(({ coupon }) => coupon))
  const coupons = subscription.coupons.map((one) =>
    taken.has(one.coupon) ? { ...one, used: one.used + 1 } : one,
  )
  return { ...subscription, coupons }
}

/** When a subscription that has ended is looked at for the last time: when nothing can come in any more. */
function endOf({ account, subscription, settings, nowMs }: ComputeFacts, closed: Invoice): number | null {
  // An opening has billed no usage that could change.
  if (closed.kind === 'opening') return null
  // What comes after the end is the last, unless it had no room for all that may have come late.
  const { id } = subscription
  if (closed.kind === 'trailing')
    return lookedInto(account, id).length < reachable(account, id).length ? nowMs + 1 : null
  return Math.max(subscription.cancelAtMs! + settings.lateMs, nowMs + 1)
}

export function issue(
  { subscription, account, nowMs, settings }: DraftFacts,
  draft: Invoice,
  { lines, totals }: Pick<Computed, 'lines' | 'totals'>,
): Invoice {
  const endMs = Math.max(draft.startMs, Math.min(draft.endMs, subscription.cancelAtMs ?? draft.endMs))
  const nothingDue = decimal(totals.amountDue).eq('0')
  return {
    ...draft,
    status: nothingDue ? 'paid' : 'issued',
    endMs: draft.kind === 'trailing' ? draft.endMs : endMs,
    lines,
    totals,
    recipient: { name: account.customer.name, email: account.customer.email },
    issuedMs: nowMs,
    movedMs: nothingDue ? nowMs : null,
    lateUntilMs: endMs + settings.lateMs,
    usageFinal: draft.kind !== 'period',
  }
}

/** What the invoice draws, and what it gives back where its total is negative. */
export function creditOf(
  { nowMs, newId }: Pick<DraftFacts, 'nowMs' | 'newId'>,
  { id, customerId, currency }: Invoice,
  { totals }: Pick<Computed, 'totals'>,
) {
  const entry = (more: Pick<CreditEntry, 'grantId' | 'kind' | 'amount'>): CreditEntry => ({
    id: newId(),
    customerId,
    invoiceId: id,
    createdMs: nowMs,
    ...more,
  })
  const entries = totals.credits.map(({ grantId, amount }) =>
    entry({ grantId, kind: 'draw', amount: `-${amount}` }),
  )
  if (decimal(totals.creditGranted).eq('0')) return { grants: [], entries }
  const grant: Grant = {
    id: newId(),
    customerId,
    name: 'Carried over from an invoice below zero',
    currency,
    amount: totals.creditGranted,
    priority: 0,
    expiresMs: null,
    source: id,
    createdMs: nowMs,
  }
  return {
    grants: [grant],
    entries: [...entries, entry({ grantId: grant.id, kind: 'grant', amount: totals.creditGranted })],
  }
}

/** Entries that take what is left of grants that have expired. */
function expiries({ account, nowMs, newId }: ComputeFacts): CreditEntry[] {
  return account.grants
    .filter(
      ({ expiresMs, remaining }) => expiresMs !== null && expiresMs <= nowMs && decimal(remaining).gt('0'),
    )
    .map(({ id, customerId, currency, remaining }) => ({
      id: newId(),
      customerId,
      grantId: id,
      kind: 'expire' as const,
      amount: `-${roundedAmount(decimal(remaining), currency)}`,
      invoiceId: null,
      createdMs: nowMs,
    }))
}
