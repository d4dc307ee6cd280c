// A credit note as a page to print or to send, in the looks of the invoice that it is of.

import type { CreditedLine, CreditNote } from '../../billing/credit/credit.ts'
import { creditNoteNumber, type NoteOfInvoice } from '../../billing/credit/credit-note.ts'
import { type Invoice, invoiceNumber } from '../../billing/invoices/invoice.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { shownAmount, shownDay, shownMoney, shownNumber, shownPercent } from './format.ts'
import { billTo, type Fact, factList, frame, type Issuer } from './frame.ts'
import { lineCells } from './line-cells.ts'
import { totalRow } from './totals.ts'

const COLUMNS_BEFORE_AMOUNT = 3

export function creditNotePage({ note, invoice }: NoteOfInvoice, issuer: Issuer): string {
  const { timezone } = issuer
  const title = `Credit note ${creditNoteNumber(note.number!)}`
  return frame(issuer, {
    title,
    heading: html`${title}`,
    behind: nothing,
    main: html`
<div class="facts">${billTo(invoice)}
${factList(facts({ note, invoice }, timezone))}</div>
<table class="lines">
<thead><tr><th scope="col" class="no">No.</th><th scope="col">Taken back</th><th scope="col" class="n">Quantity</th><th scope="col" class="n">Amount (${note.currency})</th></tr></thead>
<tbody>${note.lines.map((line) => row(line, invoice, timezone))}</tbody>
${totalsRows(note)}</table>`,
  })
}

const facts = ({ note, invoice }: NoteOfInvoice, timezone: string): Fact[] => [
  ['Issued', html`${shownDay(timezone, note.createdMs)}`],
  ['For invoice', html`${invoiceNumber(invoice.number!)} of ${shownDay(timezone, invoice.issuedMs!)}`],
  ['Customer', named(note.customerId)],
  ['Reason', named(note.reason)],
]

/** Of a line, what it is on the invoice; its price and the steps of it are of the whole line, and stay there. */
function row({ line: number, quantity, amount }: CreditedLine, invoice: Invoice, timezone: string): Html {
  const line = number === null ? null : invoice.lines[number - 1]!
  const what = line === null ? html`Part of the invoice as a whole` : lineCells(line, invoice, timezone).what
  const days = line !== null && 'ofDays' in line ? ` of ${line.toDay - line.fromDay} days` : ''
  const shown = quantity === null ? nothing : html`${shownNumber(quantity)}${days}`
  return html`<tr><td class="no">${number ?? nothing}</td><th scope="row">${what}</th><td class="n">${shown}</td><td class="n">${shownMoney(amount, invoice.currency)}</td></tr>
`
}

const settled: Record<CreditNote['settlement'], string> = {
  invoice: 'Taken off what is due',
  credit: 'Added to your credit',
  refund: 'Paid back to you',
}

function totalsRows({ subtotal, taxes, amount, settlement, currency }: CreditNote): Html {
  const total = (label: Html, value: string, style = '') =>
    totalRow(style, label, html`${shownAmount(value, currency)}`, COLUMNS_BEFORE_AMOUNT)
  return html`<tbody class="totals">
${total(html`Subtotal`, subtotal, 'first')}${taxes.map((tax) => total(html`${named(tax.name)} ${shownPercent(tax.percent)}`, tax.amount))}${total(html`Total`, amount, 'sum')}${total(html`${settled[settlement]}`, amount, 'sum due')}</tbody>`
}
