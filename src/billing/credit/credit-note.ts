// A credit note: takes back a part of an issued invoice, or all of it. An invoice that is not paid yet is reduced by it; of one
// that is paid, the amount becomes credit, or is paid back outside of Tollgate.

import { z } from 'zod'
import { roundedAmount, tooFine } from '../../kernel/currency.ts'
import { decimal, zero } from '../../kernel/decimal.ts'
import { decimalOutput, decimalString } from '../../kernel/decimal-schema.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { knownFields } from '../../kernel/object-schema.ts'
import { line } from '../../kernel/text.ts'
import { rfc3339 } from '../../kernel/time.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import { type AccountServices, type Caller, changingAccount } from '../changing-account.ts'
import type { Invoice } from '../invoices/invoice.ts'
import { findInvoice } from '../invoices/read-invoice.ts'
import type { CreditNote, Grant } from './credit.ts'
import { entryOf } from './grant-credit.ts'

const REASON_CHARS = 500
const settlements = ['invoice', 'credit', 'refund'] as const

export const creditNoteInputSchema = knownFields('A credit note', {
  amount: decimalString({ above: '0' }).meta({
    description: 'In the invoice’s currency, tax included.',
    example: '12.50',
  }),
  reason: line(REASON_CHARS).meta({ description: 'On the credit note.', example: 'Outage on 3 November' }),
  settlement: z.enum(settlements, { error: 'must be "invoice", "credit" or "refund"' }).optional().meta({
    'x-name': 'Settlement',
    description:
      'invoice: reduces what is due, as long as it is not paid. credit: the customer’s next invoices draw on it. refund: you pay it back yourself. Absent: invoice where it is not paid, credit otherwise.',
    example: 'credit',
  }),
}).meta({ id: 'CreditNoteInput' })
export type CreditNoteInput = z.output<typeof creditNoteInputSchema>

export const creditNoteNumber = (number: number): string => `CN-${String(number).padStart(6, '0')}`

export const creditNoteSchema = z
  .object({
    id: z.guid(),
    number: z.string().meta({ description: 'Without gaps within the tenant.', example: 'CN-000007' }),
    invoice_id: z.guid(),
    customer_id: z.string().meta({ example: 'cust_42' }),
    amount: decimalOutput().meta({ example: '12.50' }),
    currency: z.string().meta({ example: 'USD' }),
    reason: z.string().meta({ example: 'Outage on 3 November' }),
    settlement: z.enum(settlements).meta({ 'x-name': 'Settlement' }),
    created_at: z.iso.datetime().meta({ example: '2026-11-22T10:00:00.000Z' }),
  })
  .meta({ id: 'CreditNote' })

export const creditNoteJson = (note: CreditNote): z.input<typeof creditNoteSchema> => ({
  id: note.id,
  number: creditNoteNumber(note.number!),
  invoice_id: note.invoiceId,
  customer_id: note.customerId,
  amount: note.amount,
  currency: note.currency,
  reason: note.reason,
  settlement: note.settlement,
  created_at: rfc3339(note.createdMs),
})

type Services = AccountServices & { clock: () => number; accounts: Pick<AccountStore, 'findInvoice'> }

/** Throws state_conflict for a draft or a void invoice, and validation_failed for more than is left of it. */
export async function createCreditNote(
  services: Services,
  { tenant, newId }: Caller,
  { invoiceId, input }: { invoiceId: string; input: CreditNoteInput },
): Promise<CreditNote> {
  const { customerId } = await findInvoice(services, tenant.tenantId, invoiceId)
  const ids = { note: newId(), grant: newId(), entry: newId() }
  return changingAccount(services, tenant.tenantId, { customerId, invoiceIds: [invoiceId] }, (account) => {
    const existing = account.creditNotes.find(({ id }) => id === ids.note)
    if (existing) return { change: null, result: () => existing }
    const invoice = account.invoices.find(({ id }) => id === invoiceId)!
    const note = noteFrom(account, invoice, input, { id: ids.note, nowMs: services.clock() })
    return {
      change: changeBy(account, invoice, note, ids),
      result: (saved) => ({ ...note, number: saved!.numbers.get(note.id)! }),
    }
  })
}

function noteFrom(
  account: Account,
  invoice: Invoice,
  input: CreditNoteInput,
  { id, nowMs }: { id: string; nowMs: number },
): CreditNote {
  const { status, totals, currency } = invoice
  if (totals === null || status === 'draft')
    throw new TollgateError('state_conflict', 'The invoice is a draft: nothing is billed yet.')
  if (status === 'void')
    throw new TollgateError(
      'state_conflict',
      'The invoice is void: it bills nothing that could be taken back.',
    )
  const amount = roundedAmount(decimal(input.amount), currency)
  const detail = tooFine(input.amount, currency)
  if (detail !== null) throw wrong('amount', detail)
  const unpaid = status === 'issued' || status === 'uncollectible'
  const settlement = input.settlement ?? (unpaid ? 'invoice' : 'credit')
  if (settlement === 'invoice' && !unpaid)
    throw wrong('settlement', 'must be "credit" or "refund": the invoice is paid')
  if (settlement !== 'invoice' && unpaid)
    throw wrong('settlement', 'must be "invoice": nothing was paid that could be given back')
  const left = leftOf(account, invoice, settlement)
  if (decimal(amount).gt(decimal(left)))
    throw wrong('amount', `must be at most ${left}, which is ${whatIsLeft[settlement]}`)
  const { customerId } = invoice
  return {
    id,
    customerId,
    invoiceId: invoice.id,
    number: null,
    currency,
    amount,
    reason: input.reason,
    settlement,
    createdMs: nowMs,
  }
}

const whatIsLeft: Record<CreditNote['settlement'], string> = {
  invoice: 'what is due',
  credit: 'what is left of the invoice',
  refund: 'what is left of what was paid for it: credit that it drew can only become credit again',
}

/** The total less what was taken back already; to be paid back, not more than was paid. */
function leftOf(
  { creditNotes }: Account,
  { id, totals, currency }: Invoice,
  settlement: CreditNote['settlement'],
): string {
  if (settlement === 'invoice') return totals!.amountDue
  const notes = creditNotes.filter(({ invoiceId }) => invoiceId === id)
  const less = (amount: string, some: CreditNote[]) =>
    some.reduce((left, note) => left.minus(note.amount), decimal(amount))
  const ofTotal = less(totals!.total, notes)
  const refunds = notes.filter((note) => note.settlement === 'refund')
  const ofPayment = settlement === 'refund' ? less(totals!.amountDue, refunds) : ofTotal
  const left = ofPayment.lt(ofTotal) ? ofPayment : ofTotal
  return roundedAmount(left.lt('0') ? zero : left, currency)
}

function changeBy(
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

const wrong = (field: string, detail: string) =>
  new TollgateError('validation_failed', `The credit note can’t be made: ${field} ${detail}.`, {
    issues: [{ pointer: `#/${field}`, detail }],
  })
