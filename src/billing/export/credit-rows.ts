// The credit ledger as rows of an export.

import { micros, type Row } from '../../log/export/table.ts'
import type { tables } from '../../log/export/tables.ts'
import type { AccountStore, ExportedEntry, ExportFilter } from '../account-ports.ts'

export type CreditRow = Row<typeof tables.credit_entries.columns>

/** By customer, and then as they were written, a page at a time. */
export async function* creditRows(
  { accounts }: { accounts: Pick<AccountStore, 'exportCreditEntries'> },
  tenantId: string,
  filter: ExportFilter,
): AsyncGenerator<CreditRow[]> {
  let last: string | null = null
  while (true) {
    const entries: ExportedEntry[] = await accounts.exportCreditEntries(tenantId, filter, last)
    if (entries.length === 0) return
    yield entries.map(rowOf)
    last = entries.at(-1)!.id
  }
}

const rowOf = (entry: ExportedEntry): CreditRow => ({
  id: entry.id,
  customer_id: entry.customerId,
  grant_id: entry.grantId,
  kind: entry.kind,
  amount: entry.amount,
  currency: entry.currency,
  invoice_id: entry.invoiceId,
  created_at: micros(entry.createdMs),
})
