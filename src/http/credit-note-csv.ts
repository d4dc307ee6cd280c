// What a credit note takes back as CSV: a row for each line of the invoice, with the number that it has there, and one for each tax.

import { creditNoteNumber, type NoteOfInvoice } from '../billing/credit/credit-note.ts'
import { type InvoiceLine, invoiceNumber } from '../billing/invoices/invoice.ts'
import { type Cell, csv } from '../kernel/csv.ts'
import { rfc3339 } from '../kernel/time.ts'

type Row = {
  line: number | null
  name: string | null
  quantity: string | null
  amount: string
  /** of the invoice; null: the row is of the invoice as a whole, or a tax */
  of: InvoiceLine | null
  tax: { percent: string; taxableAmount: string } | null
}

const text = (value: string | null): Cell => (value === null ? null : { text: value })
const number = (value: string | number | null): Cell => (value === null ? null : { number: String(value) })

const columns: [name: string, cell: (row: Row, of: NoteOfInvoice) => Cell][] = [
  ['credit_note', (_, { note }) => text(creditNoteNumber(note.number!))],
  ['invoice', (_, { invoice }) => text(invoiceNumber(invoice.number!))],
  ['line', ({ line }) => number(line)],
  ['kind', ({ of, tax }) => text(tax ? 'tax' : (of?.kind ?? 'invoice'))],
  ['meter', ({ of }) => text(of && 'meter' in of ? of.meter : null)],
  ['fee', ({ of }) => text(of && 'fee' in of ? of.fee : null)],
  ['name', ({ name }) => text(name)],
  ['match', ({ of }) => text(of && 'match' in of && of.match !== null ? JSON.stringify(of.match) : null)],
  ['plan', ({ of }) => text(of && 'plan' in of ? of.plan : null)],
  ['from', ({ of }) => text(of && rfc3339(of.fromMs))],
  ['to', ({ of }) => text(of && rfc3339(of.toMs))],
  ['quantity', ({ of, quantity }) => number(of && 'quantity' in of ? quantity : null)],
  ['days', ({ of, quantity }) => number(of && 'ofDays' in of ? quantity : null)],
  ['percent', ({ tax }) => number(tax?.percent ?? null)],
  ['taxable_amount', ({ tax }) => number(tax?.taxableAmount ?? null)],
  ['amount', ({ amount }) => number(amount)],
  ['currency', (_, { note }) => text(note.currency)],
]

export function creditNoteCsv(of: NoteOfInvoice): string {
  const { note, invoice } = of
  const rows: Row[] = [
    ...note.lines.map((one) => ({
      ...one,
      of: one.line === null ? null : invoice.lines[one.line - 1]!,
      tax: null,
    })),
    ...note.taxes.map((tax) => ({
      name: tax.name,
      amount: tax.amount,
      tax,
      line: null,
      quantity: null,
      of: null,
    })),
  ]
  return csv([
    columns.map(([name]) => ({ text: name })),
    ...rows.map((row) => columns.map(([, cell]) => cell(row, of))),
  ])
}

export const creditNoteCsvName = ({ note }: NoteOfInvoice): string => `${creditNoteNumber(note.number!)}.csv`
