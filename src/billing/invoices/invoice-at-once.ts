// What a change makes due, invoiced at once instead of with the period: periods that have ended by then are closed without
// waiting for late events, and what is billed in advance for the one that goes on is corrected by an invoice of its own.

import { decimal } from '../../kernel/decimal.ts'
import { TollgateError } from '../../kernel/errors.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type AccountChange, changedBy, together, unchanged } from '../account.ts'
import { creditOf, draftAfter, issue, openInvoice, withCouponsUsed } from './close.ts'
import { closePeriods, roundsToClose } from './close-periods.ts'
import { totalled } from './compute.ts'
import { type DraftFacts, dueOf, withDraft } from './draft.ts'
import { afterCorrections, corrections, feesOf } from './fees.ts'
import type { Invoice } from './invoice.ts'
import { type UsageServices, usageFor } from './usage-reader.ts'

/** Periods that are closed at once at most, where the job is behind. */
const PERIODS_AT_ONCE = 20

/** `facts`: as the change leaves them, with its draft. Throws state_conflict where earlier periods are still to be invoiced. */
export async function invoicedAtOnce(
  services: UsageServices,
  tenant: TenantConfig,
  facts: DraftFacts,
  changedMs: number,
): Promise<AccountChange> {
  const closed = await closedBefore(services, tenant, facts, changedMs)
  const account = changedBy(facts.account, closed)
  const subscription = closed.subscriptions[0] ?? facts.subscription
  const corrected = correctedAt({ ...facts, account, subscription }, changedMs)
  return corrected ? together(closed, corrected) : closed
}

/** The periods that have ended when the change takes effect, as the job would close them after their grace. */
async function closedBefore(
  services: UsageServices,
  tenant: TenantConfig,
  facts: DraftFacts,
  changedMs: number,
): Promise<AccountChange> {
  const { account, subscription, settings, nowMs } = facts
  const endedMs = Math.min(changedMs, nowMs)
  if (openInvoice(facts).endMs > endedMs) return unchanged(account)
  const alone = {
    ...facts,
    account: { ...account, subscriptions: [{ ...subscription, dueMs: endedMs }] },
    settings: { ...settings, graceMs: 0 },
  }
  const rounds = roundsToClose(alone, PERIODS_AT_ONCE)
  const { customerId } = account
  const usage = await usageFor(services, tenant, [{ customerId, spans: rounds.flat() }])
  const known = { meters: usage.meters, usageOf: usage.of(customerId) }
  const change = closePeriods({ ...alone, ...known }, rounds.length)
  const after = change.subscriptions[0]!
  const draft = change.invoices.find(({ status }) => status === 'draft')!
  if (draft.endMs <= endedMs) throw stillToInvoice()
  return { ...change, subscriptions: [{ ...after, dueMs: dueOf(after, draft, settings) }] }
}

const stillToInvoice = () =>
  new TollgateError(
    'state_conflict',
    'Earlier periods of the subscription are still to be invoiced, which happens in the next minutes. Send the same request again then, or send "invoice": "next".',
  )

/**
 * What was billed in advance for the period, and is due otherwise now. It takes the place of the draft, which follows it. Where it comes
 * to nothing or less, it is left to the period's own invoice.
 */
function correctedAt(facts: DraftFacts, changedMs: number): AccountChange | null {
  const { account, subscription, settings } = facts
  const draft = openInvoice(facts)
  if (draft.kind !== 'period' || changedMs < draft.startMs) return null
  const { currency } = draft
  const due = feesOf(facts, draft, 'advance')
  const lines = corrections(draft.advance, due, currency)
  const { totals, discountOf } = totalled(facts, lines, currency)
  if (!decimal(totals.total).gt('0')) return null
  const issued = issue(facts, { ...draft, kind: 'change', startMs: changedMs }, { lines, totals })
  const after = withCouponsUsed({ ...subscription, nextSequence: draft.sequence + 1 }, totals)
  const next = draftAfter({ ...facts, subscription: after }, draft, {
    period: periodOf(draft),
    advance: afterCorrections(draft.advance, due, currency, discountOf),
  })
  return {
    ...unchanged(account),
    subscriptions: [withDraft(after, next, settings)],
    invoices: [issued, next],
    ...creditOf(facts, issued, { totals }),
  }
}

const periodOf = ({ kind, startMs, endMs, fullStartMs, fullEndMs, fullDays }: Invoice) => ({
  kind,
  startMs,
  endMs,
  fullStartMs,
  fullEndMs,
  fullDays,
})
