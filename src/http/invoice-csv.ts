// The lines of an invoice as CSV, with the numbers that they have everywhere: all of them, also those that the page leaves out.

import { type Invoice, type InvoiceLine, invoiceNumber } from '../billing/invoices/invoice.ts'
import { type Cell, csv } from '../kernel/csv.ts'
import { rfc3339 } from '../kernel/time.ts'

type Facts = { line: InvoiceLine; number: number; invoice: Invoice }

const text = (value: string | null): Cell => (value === null ? null : { text: value })
const number = (value: string | number): Cell => ({ number: String(value) })

const columns: [name: string, cell: (facts: Facts) => Cell][] = [
  ['invoice', ({ invoice }) => text(invoice.number === null ? null : invoiceNumber(invoice.number))],
  ['line', (facts) => number(facts.number)],
  ['kind', ({ line }) => text(line.kind)],
  ['meter', ({ line }) => text('meter' in line ? line.meter : null)],
  ['fee', ({ line }) => text('fee' in line ? line.fee : null)],
  ['name', ({ line }) => text(line.name)],
  ['match', ({ line }) => text('match' in line && line.match !== null ? JSON.stringify(line.match) : null)],
  ['plan', ({ line }) => text('plan' in line ? line.plan : null)],
  ['from', ({ line }) => text(rfc3339(line.fromMs))],
  ['to', ({ line }) => text(rfc3339(line.toMs))],
  ['quantity', ({ line }) => ('quantity' in line ? number(line.quantity) : null)],
  ['events', ({ line }) => ('events' in line ? number(line.events) : null)],
  ['days', ({ line }) => ('ofDays' in line ? number(line.toDay - line.fromDay) : null)],
  ['of_days', ({ line }) => ('ofDays' in line ? number(line.ofDays) : null)],
  ['amount', ({ line }) => number(line.amount)],
  ['currency', ({ invoice }) => text(invoice.currency)],
  ['unpriced', ({ line }) => ('price' in line ? text(String(line.price === null)) : null)],
  ['adjusts_invoice', ({ line }) => text('adjusts' in line ? invoiceNumber(line.adjusts.number) : null)],
  ['adjusts_line', ({ line }) => ('adjusts' in line ? number(line.adjusts.line) : null)],
  ['corrections', ({ line }) => text('corrections' in line ? (line.corrections ?? []).join(' ') : null)],
]

export const invoiceCsv = (invoice: Invoice): string =>
  csv([
    columns.map(([name]) => ({ text: name })),
    ...invoice.lines.map((line, i) => columns.map(([, cell]) => cell({ line, number: i + 1, invoice }))),
  ])

export const invoiceCsvName = ({ number, id }: Invoice): string =>
  `${number === null ? `draft-${id}` : invoiceNumber(number)}.csv`
