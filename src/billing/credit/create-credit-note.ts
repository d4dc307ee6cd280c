// Makes a credit note: takes back a part of an issued invoice, or all of it, by line or by amount. An invoice that is not paid yet
// is reduced by it; of one that is paid, the amount becomes credit, or is paid back outside of Tollgate.

import { roundedAmount, tooFine } from '../../kernel/currency.ts'
import { type Decimal, decimal, sum, zero } from '../../kernel/decimal.ts'
import { type Issue, TollgateError } from '../../kernel/errors.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import { type AccountServices, type Caller, changingAccount } from '../changing-account.ts'
import type { Invoice } from '../invoices/invoice.ts'
import { findInvoice } from '../invoices/read-invoice.ts'
import {
  type CreditNote,
  type Grant,
  NOTE_LINES_PER_INVOICE,
  NOTES_PER_INVOICE,
  type Split,
} from './credit.ts'
import type { CreditNoteInput, NoteOfInvoice } from './credit-note.ts'
import { creditableOf, creditedTaxes, splitByAmount, taxesOn, withSplits } from './creditable.ts'
import { creditedLines } from './credited-lines.ts'
import { entryOf } from './grant-credit.ts'

const ISSUES_SHOWN = 100

type Services = AccountServices & { clock: () => number; accounts: Pick<AccountStore, 'findInvoice'> }

/**
 * Throws state_conflict for a draft, a void invoice, and one with too many credit notes or lines of them, and validation_failed for more than is
 * left of it, or of a line.
 */
export async function createCreditNote(
  services: Services,
  { tenant, newId }: Caller,
  { invoiceId, input }: { invoiceId: string; input: CreditNoteInput },
): Promise<NoteOfInvoice> {
  const { customerId } = await findInvoice(services, tenant.tenantId, invoiceId)
  const ids = { note: newId(), grant: newId(), entry: newId() }
  return changingAccount(services, tenant.tenantId, { customerId, invoiceIds: [invoiceId] }, (account) => {
    const invoice = account.invoices.find(({ id }) => id === invoiceId)!
    const stored = account.creditNotes.filter((note) => note.invoiceId === invoiceId)
    const notes = stored.length === 0 ? [] : withSplits(invoice, stored)
    const existing = notes.find(({ id }) => id === ids.note)
    if (existing) return { change: null, result: () => ({ note: existing, invoice }) }
    const note = noteFrom(invoice, notes, input, { id: ids.note, nowMs: services.clock() })
    return {
      change: changeBy(account, invoice, note, ids),
      result: (saved) => ({ note: { ...note, number: saved!.numbers.get(note.id)! }, invoice }),
    }
  })
}

/** What is asked for, if it can be. Throws as createCreditNote does. */
export function noteFrom(
  invoice: Invoice,
  notes: CreditNote[],
  input: CreditNoteInput,
  { id, nowMs }: { id: string; nowMs: number },
): CreditNote {
  const { status, totals, currency, customerId } = invoice
  if (totals === null || status === 'draft')
    throw new TollgateError('state_conflict', 'The invoice is a draft: nothing is billed yet.')
  if (status === 'void')
    throw new TollgateError(
      'state_conflict',
      'The invoice is void: it bills nothing that could be taken back.',
    )
  if (notes.length >= NOTES_PER_INVOICE)
    throw new TollgateError('state_conflict', `An invoice has ${NOTES_PER_INVOICE} credit notes at most.`)
  const settlement = settlementOf(invoice, input)
  const split = splitOf(invoice, notes, input)
  if (input.lines) refuseTooManyLines(notes, split)
  const { amount } = split
  const left = leftOf(invoice, notes, settlement)
  if (decimal(amount).gt(decimal(left))) {
    const rule = `at most ${left}, which is ${whatIsLeft[settlement]}`
    throw input.lines
      ? wrong([{ pointer: '#/lines', detail: `must come to ${rule}; with tax they come to ${amount}` }])
      : wrong([{ pointer: '#/amount', detail: `must be ${rule}` }])
  }
  return {
    id,
    customerId,
    invoiceId: invoice.id,
    number: null,
    currency,
    ...split,
    reason: input.reason,
    settlement,
    createdMs: nowMs,
  }
}

function refuseTooManyLines(notes: CreditNote[], { lines }: Split): void {
  const held = notes.reduce((all, note) => all + note.lines.length, 0)
  if (held + lines.length <= NOTE_LINES_PER_INVOICE) return
  throw new TollgateError(
    'state_conflict',
    `The credit notes of an invoice have ${NOTE_LINES_PER_INVOICE} lines together at most: with ${held} that there are and ${lines.length} of this one it would be more. Take back the rest by \`amount\`.`,
  )
}

function settlementOf({ status }: Invoice, input: CreditNoteInput): CreditNote['settlement'] {
  const unpaid = status === 'issued' || status === 'uncollectible'
  const settlement = input.settlement ?? (unpaid ? 'invoice' : 'credit')
  const refused = (detail: string) => wrong([{ pointer: '#/settlement', detail }])
  if (settlement === 'invoice' && !unpaid) throw refused('must be "credit" or "refund": the invoice is paid')
  if (settlement !== 'invoice' && unpaid)
    throw refused('must be "invoice": nothing was paid that could be given back')
  return settlement
}

/** How it is made up, and what that comes to with tax. */
function splitOf(
  invoice: Invoice,
  notes: CreditNote[],
  { amount, lines: asked }: CreditNoteInput,
): Split & { amount: string } {
  const money = (value: Decimal) => roundedAmount(value, invoice.currency)
  const creditable = creditableOf(invoice, notes)
  if (!asked) {
    const detail = tooFine(amount!, invoice.currency)
    if (detail !== null) throw wrong([{ pointer: '#/amount', detail }])
    const sent = decimal(amount!)
    return { amount: money(sent), ...splitByAmount(invoice, sent, creditable) }
  }
  const { issues, lines } = creditedLines(invoice, creditable, asked)
  if (issues.length > 0) throw wrong(issues)
  const net = sum(lines.map((line) => decimal(line.amount)))
  const taxes = taxesOn(net, creditable)
  return {
    amount: money(net.plus(sum(taxes))),
    lines,
    subtotal: money(net),
    taxes: creditedTaxes(invoice, net, taxes),
  }
}

const whatIsLeft: Record<CreditNote['settlement'], string> = {
  invoice: 'what is due',
  credit: 'what is left of the invoice',
  refund: 'what is left of what was paid for it: credit that it drew can only become credit again',
}

/** The total less what was taken back already; to be paid back, not more than was paid. */
function leftOf(
  { totals, currency }: Invoice,
  notes: CreditNote[],
  settlement: CreditNote['settlement'],
): string {
  if (settlement === 'invoice') return totals!.amountDue
  const less = (amount: string, some: CreditNote[]) =>
    some.reduce((left, note) => left.minus(note.amount), decimal(amount))
  const ofTotal = less(totals!.total, notes)
  const refunds = notes.filter((note) => note.settlement === 'refund')
  const ofPayment = settlement === 'refund' ? less(totals!.amountDue, refunds) : ofTotal
  const left = ofPayment.lt(ofTotal) ? ofPayment : ofTotal
  return roundedAmount(left.lt('0') ? zero : left, currency)
}

/** What a credit note does to the account. */
export function changeBy(
  account: Account,
  invoice: Invoice,
  note: CreditNote,
  ids: { grant: string; entry: string },
): AccountChange {
  const change = { ...unchanged(account), creditNotes: [note] }
  if (note.settlement === 'refund') return change
  if (note.settlement === 'invoice') return { ...change, invoices: [reduced(invoice, note)] }
  const { createdMs, amount } = note
  const grant: Grant = {
    id: ids.grant,
    customerId: note.customerId,
    name: `Credit note: ${note.reason}`.slice(0, 200),
    currency: note.currency,
    amount,
    priority: 0,
    expiresMs: null,
    source: note.id,
    createdMs,
  }
  return {
    ...change,
    grants: [grant],
    entries: [entryOf(grant, { id: ids.entry, kind: 'grant', amount, createdMs })],
  }
}

/** Nothing due any more is paid. */
function reduced(invoice: Invoice, { amount, createdMs }: CreditNote): Invoice {
  const totals = invoice.totals!
  const amountDue = roundedAmount(decimal(totals.amountDue).minus(amount), invoice.currency)
  const settled = decimal(amountDue).eq('0') && invoice.status === 'issued'
  return {
    ...invoice,
    totals: { ...totals, amountDue },
    ...(settled && { status: 'paid' as const, movedMs: createdMs }),
  }
}

function wrong(issues: Issue[]): TollgateError {
  const [{ pointer, detail }, ...others] = issues as [Issue, ...Issue[]]
  const more = others.length === 0 ? '' : ` And ${others.length} more.`
  const said = `The credit note can’t be made: ${pointer} ${detail}.${more}`
  return new TollgateError('validation_failed', said, { issues: issues.slice(0, ISSUES_SHOWN) })
}
