// The exports that there are. Names are the API's; what is nested there has its parent's name before it here.

import type { Columns, Table } from './table.ts'

export const exportKinds = ['events', 'usage', 'invoices', 'credit_entries'] as const
export type ExportKind = (typeof exportKinds)[number]

/** A row is an accepted event, as it was sent. */
const events = {
  id: 'text',
  customer_id: 'text',
  resource_type: 'text',
  quantity: 'decimal',
  timestamp: 'timestamp',
  properties: 'json',
  received_at: 'timestamp',
  /** keys of the meters that it counted for */
  meters: 'json',
  /** whether it was imported as history, which no bill has */
  history: 'boolean',
} as const satisfies Columns

/** A row is a total: one customer, meter, window and group. */
const usage = {
  customer_id: 'text',
  meter: 'text',
  aggregation: 'text',
  window_start: 'timestamp',
  window_end: 'timestamp',
  group: 'json',
  quantity: 'decimal',
  settled_quantity: 'decimal',
  live_quantity: 'decimal',
} as const satisfies Columns

/** A row is a line of an issued invoice, with its invoice's columns; an invoice without lines is one row. */
const invoices = {
  invoice_id: 'text',
  invoice_number: 'text',
  invoice_status: 'text',
  invoice_kind: 'text',
  customer_id: 'text',
  subscription_id: 'text',
  period_start: 'timestamp',
  period_end: 'timestamp',
  currency: 'text',
  invoice_subtotal: 'decimal',
  invoice_discounts: 'decimal',
  invoice_taxes: 'decimal',
  invoice_total: 'decimal',
  invoice_credits: 'decimal',
  invoice_amount_due: 'decimal',
  issued_at: 'timestamp',
  moved_at: 'timestamp',
  line: 'integer',
  line_kind: 'text',
  line_from: 'timestamp',
  line_to: 'timestamp',
  meter: 'text',
  fee: 'text',
  name: 'text',
  match: 'json',
  plan: 'text',
  quantity: 'decimal',
  events: 'decimal',
  days: 'integer',
  of_days: 'integer',
  amount: 'decimal',
  unpriced: 'boolean',
  adjusts_invoice_id: 'text',
  adjusts_invoice_number: 'text',
  adjusts_line: 'integer',
} as const satisfies Columns

/** A row is a movement of the credit ledger. */
const creditEntries = {
  id: 'text',
  customer_id: 'text',
  grant_id: 'text',
  kind: 'text',
  amount: 'decimal',
  currency: 'text',
  invoice_id: 'text',
  created_at: 'timestamp',
} as const satisfies Columns

export const tables = {
  events: { name: 'events', columns: events },
  usage: { name: 'usage', columns: usage },
  invoices: { name: 'invoices', columns: invoices },
  credit_entries: { name: 'credit_entries', columns: creditEntries },
} as const satisfies Record<ExportKind, Table>
