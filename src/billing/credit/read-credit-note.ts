// Reads credit notes with the invoice that they are of, and with how their amounts are made up.

import { TollgateError } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/page.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { AccountStore } from '../account-ports.ts'
import type { Invoice } from '../invoices/invoice.ts'
import { findInvoice } from '../invoices/read-invoice.ts'
import { type CreditNote, NOTES_PER_INVOICE, type StoredNote } from './credit.ts'
import type { NoteOfInvoice } from './credit-note.ts'
import { withSplits } from './creditable.ts'

type Services = { accounts: Pick<AccountStore, 'findInvoice' | 'findCreditNote' | 'listCreditNotes'> }

export async function readCreditNote(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { id }: { id: string },
): Promise<NoteOfInvoice> {
  const { tenantId } = tenant
  const stored = await services.accounts.findCreditNote(tenantId, id)
  if (stored === null) throw new TollgateError('not_found', `There is no credit note ${id}.`)
  const invoice = await findInvoice(services, tenantId, stored.invoiceId)
  const [note] = await split(services, tenantId, invoice, [stored])
  return { note: note!, invoice }
}

/** The oldest first, with one more than the page has room for if there is one. */
export async function listCreditNotes(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { invoiceId, page }: { invoiceId: string; page: PageRequest },
): Promise<NoteOfInvoice[]> {
  const { tenantId } = tenant
  const invoice = await findInvoice(services, tenantId, invoiceId)
  const stored = await services.accounts.listCreditNotes(tenantId, invoiceId, page)
  const notes = await split(services, tenantId, invoice, stored)
  return notes.map((note) => ({ note, invoice }))
}

/** Those that were stored without a split have one that depends on those before them. */
async function split(
  { accounts }: Services,
  tenantId: string,
  invoice: Invoice,
  stored: StoredNote[],
): Promise<CreditNote[]> {
  if (stored.every(({ lines }) => lines !== undefined)) return withSplits(invoice, stored)
  const all = await accounts.listCreditNotes(tenantId, invoice.id, { after: null, limit: NOTES_PER_INVOICE })
  const ids = new Set(stored.map(({ id }) => id))
  return withSplits(invoice, all).filter(({ id }) => ids.has(id))
}
