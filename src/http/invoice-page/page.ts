// An invoice as a page to print or to send. Pure: the invoice and the tenant give the page, which has no scripts and loads
// nothing.

import { type Invoice, type InvoiceStatus, invoiceNumber } from '../../billing/invoices/invoice.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { shownAmount, shownDay, shownDayAndTime, shownDays } from './format.ts'
import { linesTable } from './lines.ts'
import { pageStyle } from './style.ts'

/** Whose invoice it is, and by whose days. */
export type Issuer = { name: string; timezone: string }

const statuses: Record<InvoiceStatus, string> = {
  draft: 'Draft',
  issued: 'Issued',
  paid: 'Paid',
  uncollectible: 'Written off',
  void: 'Void',
}

export function invoicePage(invoice: Invoice, issuer: Issuer, nowMs: number): string {
  const { timezone } = issuer
  const number = invoice.number === null ? null : invoiceNumber(invoice.number)
  const title = number === null ? 'Draft invoice' : `Invoice ${number}`
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} · ${issuer.name}</title>${pageStyle(title)}</head><body>
${stamp(invoice)}<header><p>${named(issuer.name)}</p><h1>${heading(invoice, title)}</h1></header>
<main>${notice(invoice, timezone, nowMs)}
<div class="facts">${recipient(invoice)}
<dl>${facts(invoice, timezone).map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>`)}</dl></div>
${linesTable(invoice, timezone)}</main>
</body></html>
`.text
}

const isMarked = ({ status }: Invoice): boolean => status === 'draft' || status === 'void'

const heading = (invoice: Invoice, title: string): Html =>
  invoice.status === 'void' ? html`${title} <strong class="mark">Void</strong>` : html`${title}`

/** Behind the text, on every page that is printed. */
const stamp = (invoice: Invoice): Html =>
  isMarked(invoice) ? html`<div class="stamp" aria-hidden="true">${statuses[invoice.status]}</div>` : nothing

function notice({ status }: Invoice, timezone: string, nowMs: number): Html {
  if (status === 'draft')
    return html`<p class="notice"><strong>Draft.</strong> Not an invoice yet: usage until ${shownDayAndTime(timezone, nowMs)}, and it may change.</p>`
  if (status === 'void')
    return html`<p class="notice"><strong>Void.</strong> Nothing is to be paid for this invoice.</p>`
  return nothing
}

function recipient({ recipient, customerId }: Invoice): Html {
  const { name = null, email = null } = recipient ?? {}
  return html`<section><h2>Bill to</h2><p>${named(name ?? customerId)}</p>${email === null ? nothing : html`<p>${named(email)}</p>`}</section>`
}

function facts(invoice: Invoice, timezone: string): [term: string, fact: Html][] {
  const { status, kind, startMs, endMs, customerId, issuedMs, movedMs, totals, currency } = invoice
  const day = (ms: number) => html`${shownDay(timezone, ms)}`
  const moved = movedMs === null ? '' : ` on ${shownDay(timezone, movedMs)}`
  const all: [string, Html | null][] = [
    ['Issued', issuedMs === null ? null : day(issuedMs)],
    [
      periodLabels[kind],
      startMs < endMs ? html`${shownDays(timezone, startMs, endMs)} <small>${timezone}</small>` : null,
    ],
    ['Customer', named(customerId)],
    ['Status', html`${statuses[status]}${status === 'issued' ? '' : moved}`],
    [
      'Amount due',
      totals !== null && (status === 'issued' || status === 'uncollectible')
        ? html`<strong>${shownAmount(totals.amountDue, currency)}</strong>`
        : null,
    ],
  ]
  return all.filter((one): one is [string, Html] => one[1] !== null)
}

const periodLabels: Record<Invoice['kind'], string> = {
  opening: 'Trial',
  period: 'Period',
  change: 'Change within the period',
  trailing: 'Late usage received',
}
