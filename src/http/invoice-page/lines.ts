// The table of lines: in sections by kind, each line with the number that it has everywhere; and their totals.

import type { Invoice, InvoiceLine } from '../../billing/invoices/invoice.ts'
import { type Html, html, nothing } from '../html.ts'
import { shownMoney } from './format.ts'
import { isShown, lineCells } from './line-cells.ts'
import { totalsRows } from './totals.ts'

const sections: [kind: InvoiceLine['kind'], title: string][] = [
  ['usage', 'Usage'],
  ['fee', 'Fees'],
  ['proration', 'Changes to fees billed before'],
  ['adjustment', 'Late usage of earlier periods'],
]

type Numbered = { line: InvoiceLine; number: number }

export function linesTable(invoice: Invoice, timezone: string): Html {
  const shown = invoice.lines.map((line, i) => ({ line, number: i + 1 })).filter(({ line }) => isShown(line))
  const bodies = sections.map(([kind, title]) => {
    const lines = shown.filter(({ line }) => line.kind === kind)
    return lines.length === 0 ? nothing : section(title, lines, invoice, timezone)
  })
  return html`<table class="lines">
<thead><tr><th scope="col" class="no">No.</th><th scope="col">Description</th><th scope="col" class="n">Quantity</th><th scope="col" class="n">Price</th><th scope="col" class="n">Amount (${invoice.currency})</th></tr></thead>
${shown.length === 0 ? html`<tbody><tr><td colspan="5">Nothing to bill.</td></tr></tbody>` : bodies}
${totalsRows(invoice, timezone)}</table>`
}

const section = (title: string, lines: Numbered[], invoice: Invoice, timezone: string): Html =>
  html`<tbody><tr class="section"><th scope="rowgroup" colspan="5">${title}</th></tr>
${lines.map((one) => row(one, invoice, timezone))}</tbody>
`

function row({ line, number }: Numbered, invoice: Invoice, timezone: string): Html {
  const { what, notes, quantity, unitPrice } = lineCells(line, invoice, timezone)
  const small = notes.length === 0 ? nothing : html`<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>`
  return html`<tr><td class="no">${number}</td><th scope="row">${what}${small}</th><td class="n">${quantity}</td><td class="n">${unitPrice}</td><td class="n">${shownMoney(line.amount, invoice.currency)}</td></tr>
`
}
