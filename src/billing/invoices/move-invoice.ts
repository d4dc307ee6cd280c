// What becomes of an issued invoice: paid, uncollectible or void. Only an issued one moves, and only once; to move it where it
// is already is a success.

import { TollgateError } from '../../kernel/errors.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import { type AccountServices, changingAccount } from '../changing-account.ts'
import type { CreditEntry } from '../credit/credit.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import type { AdjustmentLine, Invoice } from './invoice.ts'
import { findInvoice } from './read-invoice.ts'

export type Move = 'paid' | 'uncollectible' | 'void'

type Services = AccountServices & { clock: () => number; accounts: Pick<AccountStore, 'findInvoice'> }
type Caller = { tenant: TenantConfig; newId: () => string }
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
    refuseMove(invoice, to)
    const facts = { account, invoice, nowMs: services.clock(), newId }
    const change = to === 'void' ? voided(facts) : moved(facts, to)
    return { change, result: () => change.invoices[0]! }
  })
}

function refuseMove({ status }: Invoice, to: Move): void {
  if (status === 'issued') return
  const why =
    status === 'draft'
      ? 'It is a draft: it is issued after its period ends, and only then it can move.'
      : `It is ${status} already, and stays that. To give something back, make a credit note: POST /api/v1/invoices/{id}/credit-notes.`
  throw new TollgateError('state_conflict', `The invoice can’t become ${to}. ${why}`)
}

const moved = ({ account, invoice, nowMs }: Facts, status: Move): AccountChange => ({
  ...unchanged(account),
  invoices: [{ ...invoice, status, movedMs: nowMs }],
})

/** The credit that it drew is given back, and what it adjusted in earlier invoices is adjusted again by the next one. */
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
  const adjusted = new Set(invoice.lines.filter(isAdjustment).map(({ adjusts }) => adjusts.invoiceId))
  const reopened = account.invoices
    .filter(({ id, usageFinal }) => adjusted.has(id) && usageFinal)
    .map((one) => ({ ...one, usageFinal: false }))
  return {
    ...unchanged(account),
    subscriptions: adjusted.size > 0 ? lookedAtAgain(facts) : [],
    invoices: [{ ...invoice, status: 'void', movedMs: nowMs, usageFinal: true }, ...reopened],
    entries,
  }
}

/** A subscription that has ended, and has no invoice to come, is closed once more. */
const lookedAtAgain = ({ account, invoice, nowMs }: Facts): Subscription[] =>
  account.subscriptions
    .filter(
      ({ id, open, cancelAtMs }) => id === invoice.subscriptionId && open === null && cancelAtMs !== null,
    )
    .map((one) => ({ ...one, dueMs: one.dueMs ?? nowMs }))

const isAdjustment = (line: Invoice['lines'][number]): line is AdjustmentLine => line.kind === 'adjustment'
