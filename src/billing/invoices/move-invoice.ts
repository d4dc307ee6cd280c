// What becomes of an issued invoice: paid, uncollectible or void. Only an issued one moves, and only once; to move it where it
// is already is a success.

import { TollgateError } from '../../kernel/errors.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import { type AccountServices, type Caller, changingAccount } from '../changing-account.ts'
import type { CreditEntry } from '../credit/credit.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { takesBack } from './compute.ts'
import type { AdjustmentLine, Invoice, InvoiceStatus } from './invoice.ts'
import { findInvoice } from './read-invoice.ts'
import { reopened } from './recount.ts'

export type Move = 'paid' | 'uncollectible' | 'void'

type Services = AccountServices & { clock: () => number; accounts: Pick<AccountStore, 'findInvoice'> }
type Facts = { account: Account; invoice: Invoice; nowMs: number; newId: () => string }

export async function moveInvoice(
  services: Services,
  { tenant, newId }: Caller,
  { id, to }: { id: string; to: Move },
): Promise<Invoice> {
  const { tenantId } = tenant
  const { customerId, lines } = await findInvoice(services, tenantId, id)
  const invoiceIds = [id, ...new Set(lines.filter(isAdjustment).map(({ adjusts }) => adjusts.invoiceId))]
  return changingAccount(services, tenantId, { customerId, invoiceIds }, (account) => {
    const invoice = account.invoices.find((one) => one.id === id)!
    if (invoice.status === to) return { change: null, result: () => invoice }
    const facts = { account, invoice, nowMs: services.clock(), newId }
    refuseMove(facts, to)
    const change = to === 'void' ? voided(facts) : moved(facts, to)
    return { change, result: () => change.invoices[0]! }
  })
}

function refuseMove({ account, invoice }: Facts, to: Move): void {
  const { status } = invoice
  if (status !== 'issued') throw refused(to, whyNot[status])
  if (to !== 'void') return
  const [corrected] = correctedBy(account, invoice)
  if (corrected !== undefined)
    throw refused(
      to,
      `The later invoice ${corrected} corrects what it bills: void that one first. Or give something back by a credit note: POST /api/v1/invoices/{id}/credit-notes.`,
    )
  if (account.creditNotes.some(({ invoiceId }) => invoiceId === invoice.id))
    throw refused(
      to,
      'It has credit notes, which stay. Take back the rest by another one: POST /api/v1/invoices/{id}/credit-notes.',
    )
  if (invoice.kind === 'period' && invoice.lines.some(takesBack))
    throw refused(
      to,
      `It gives back what earlier invoices billed in advance, and that would be lost. ${giveBack}`,
    )
}

const refused = (to: Move, why: string) =>
  new TollgateError('state_conflict', `The invoice can’t become ${to}. ${why}`)

const giveBack = 'To give something back, make a credit note: POST /api/v1/invoices/{id}/credit-notes.'
const whyNot: Record<Exclude<InvoiceStatus, 'issued'>, string> = {
  draft: 'It is a draft: it is issued after its period ends, and only then it can move.',
  paid: `It is paid already, and stays that. ${giveBack}`,
  uncollectible: `It is uncollectible already, and stays that. ${giveBack}`,
  void: 'It is void already, and stays that.',
}

/** Later invoices that bill the difference to this one, by late usage or by days that turned out otherwise. */
function correctedBy(account: Account, invoice: Invoice): string[] {
  const next = following(account, invoice)
  const inAdvance =
    invoice.kind === 'change' || invoice.lines.some((line) => line.kind === 'fee' && line.due === 'advance')
  const prorates =
    inAdvance && next?.status !== 'void' && next?.lines.some(({ kind }) => kind === 'proration')
  return [...invoice.adjustedBy.flatMap(({ invoiceId }) => invoiceId ?? []), ...(prorates ? [next!.id] : [])]
}

/** The next one, but for what a change was invoiced by and is not any more. */
const following = ({ invoices }: Account, { subscriptionId, sequence }: Invoice): Invoice | undefined =>
  invoices
    .filter((one) => one.subscriptionId === subscriptionId && one.sequence > sequence)
    .toSorted((x, y) => x.sequence - y.sequence)
    .find(({ kind, status }) => kind !== 'change' || status !== 'void')

const moved = ({ account, invoice, nowMs }: Facts, status: Move): AccountChange => ({
  ...unchanged(account),
  invoices: [{ ...invoice, status, movedMs: nowMs }],
})

/**
 * What it billed is not billed. What it took is given back: credit, and the use of coupons. And what it had to say of other
 * periods is left to those that come: its adjustments to the next invoice, and its fees in advance to the period's own. Of a change
 * within a period, what was billed before it stands again.
 */
function voided(facts: Facts): AccountChange {
  const { account, invoice, nowMs, newId } = facts
  const entries: CreditEntry[] = invoice.totals!.credits.map(({ grantId, amount }) => ({
    id: newId(),
    customerId: invoice.customerId,
    grantId,
    kind: 'return',
    amount,
    invoiceId: invoice.id,
    createdMs: nowMs,
  }))
  const reopened = account.invoices
    .filter(
      (one) => one.status !== 'void' && one.adjustedBy.some(({ invoiceId }) => invoiceId === invoice.id),
    )
    .map((one) => ({
      ...openedAgain(one, invoice),
      adjustedBy: one.adjustedBy.filter(({ invoiceId }) => invoiceId !== invoice.id),
      usageFinal: false,
    }))
  const next = following(account, invoice)
  const { reopened: _, ...rest } = invoice
  return {
    ...unchanged(account),
    subscriptions: account.subscriptions
      .filter(({ id }) => id === invoice.subscriptionId)
      .map((one) => withCouponsBack(reopened.length > 0 ? lookedAtAgain(one, nowMs) : one, invoice)),
    invoices: [
      { ...rest, status: 'void', movedMs: nowMs, usageFinal: true },
      ...reopened,
      ...(next?.status === 'draft'
        ? [{ ...next, advance: invoice.kind === 'change' ? invoice.advance : [] }]
        : []),
    ],
    entries,
  }
}

/** What a voided invoice adjusted is adjusted again, for the same corrections. */
const openedAgain = (adjusted: Invoice, { lines }: Invoice): Invoice =>
  reopened(
    adjusted,
    lines
      .filter(isAdjustment)
      .flatMap(({ adjusts, meter, fromMs, toMs, corrections = [] }) =>
        adjusts.invoiceId === adjusted.id
          ? corrections.map((correctionId) => ({ meter, fromMs, toMs, correctionId }))
          : [],
      ),
  )

/** A subscription that has ended, and has no invoice to come, is closed once more. */
export const lookedAtAgain = (subscription: Subscription, nowMs: number): Subscription =>
  subscription.open === null && subscription.cancelAtMs !== null
    ? { ...subscription, dueMs: subscription.dueMs ?? nowMs }
    : subscription

function withCouponsBack(subscription: Subscription, { totals }: Invoice): Subscription {
  const taken = new Set(totals!.discounts.map(({ coupon }) => coupon))
  const coupons = subscription.coupons.map((one) =>
    taken.has(one.coupon) ? { ...one, used: one.used - 1 } : one,
  )
  return { ...subscription, coupons }
}

const isAdjustment = (line: Invoice['lines'][number]): line is AdjustmentLine => line.kind === 'adjustment'
