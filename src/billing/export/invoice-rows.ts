// Invoices as rows of an export: a line each, with its invoice's columns.

import { roundedAmount } from '../../kernel/currency.ts'
import { decimal, sum } from '../../kernel/decimal.ts'
import { micros, type Row } from '../../log/export/table.ts'
import type { tables } from '../../log/export/tables.ts'
import type { AccountStore, ExportFilter } from '../account-ports.ts'
import { type Invoice, type InvoiceLine, invoiceNumber } from '../invoices/invoice.ts'

export type InvoiceRow = Row<typeof tables.invoices.columns>

/** Issued ones, in the order of their numbers, a page at a time. */
export async function* invoiceRows(
  { accounts }: { accounts: Pick<AccountStore, 'exportInvoices'> },
  tenantId: string,
  filter: ExportFilter,
): AsyncGenerator<InvoiceRow[]> {
  let last = 0
  while (true) {
    const invoices = await accounts.exportInvoices(tenantId, filter, last)
    if (invoices.length === 0) return
    yield invoices.flatMap(rowsOf)
    last = invoices.at(-1)!.number!
  }
}

function rowsOf(invoice: Invoice): InvoiceRow[] {
  const head = headOf(invoice)
  if (invoice.lines.length === 0) return [{ ...head, ...noLine }]
  return invoice.lines.map((line, i) => ({ ...head, ...noLine, ...lineOf(line, i + 1) }))
}

type Head = Omit<InvoiceRow, keyof typeof noLine>

function headOf(invoice: Invoice): Head {
  const { totals, currency } = invoice
  const added = (amounts: { amount: string }[] | undefined) =>
    roundedAmount(sum((amounts ?? []).map(({ amount }) => decimal(amount))), currency)
  return {
    invoice_id: invoice.id,
    invoice_number: invoice.number === null ? null : invoiceNumber(invoice.number),
    invoice_status: invoice.status,
    invoice_kind: invoice.kind,
    customer_id: invoice.customerId,
    subscription_id: invoice.subscriptionId,
    period_start: micros(invoice.startMs),
    period_end: micros(invoice.endMs),
    currency,
    invoice_subtotal: totals?.subtotal ?? null,
    invoice_discounts: added(totals?.discounts),
    invoice_taxes: added(totals?.taxes),
    invoice_total: totals?.total ?? null,
    invoice_credits: added(totals?.credits),
    invoice_amount_due: totals?.amountDue ?? null,
    issued_at: invoice.issuedMs === null ? null : micros(invoice.issuedMs),
    moved_at: invoice.movedMs === null ? null : micros(invoice.movedMs),
  }
}

const noLine = {
  line: null,
  line_kind: null,
  line_from: null,
  line_to: null,
  meter: null,
  fee: null,
  name: null,
  match: null,
  plan: null,
  quantity: null,
  events: null,
  days: null,
  of_days: null,
  amount: null,
  unpriced: null,
  adjusts_invoice_id: null,
  adjusts_invoice_number: null,
  adjusts_line: null,
} satisfies Partial<InvoiceRow>

/** What this kind of line has. */
function lineOf(line: InvoiceLine, number: number): Partial<InvoiceRow> {
  const { kind, name, amount } = line
  const common = {
    line: number,
    line_kind: kind,
    name,
    amount,
    line_from: micros(line.fromMs),
    line_to: micros(line.toMs),
  }
  switch (line.kind) {
    case 'usage':
      return { ...common, ...ofMeter(line) }
    case 'adjustment': {
      const { invoiceId, number: of, line: at } = line.adjusts
      const adjusts = {
        adjusts_invoice_id: invoiceId,
        adjusts_invoice_number: invoiceNumber(of),
        adjusts_line: at,
      }
      return { ...common, ...ofMeter(line), ...adjusts }
    }
    case 'fee':
    case 'proration': {
      const { fee, plan, fromDay, toDay, ofDays } = line
      return { ...common, fee, plan, days: toDay - fromDay, of_days: ofDays }
    }
  }
}

const ofMeter = ({ meter, match, quantity, events, price }: Extract<InvoiceLine, { meter: string }>) => ({
  meter,
  match,
  quantity,
  events,
  unpriced: price === null,
})
