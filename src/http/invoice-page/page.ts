// An invoice as a page to print or to send. Pure: the invoice and the tenant give the page, which has no scripts and loads
// nothing.

import { type Invoice, type InvoiceStatus, invoiceNumber } from '../../billing/invoices/invoice.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { shownAmount, shownDay, shownDayAndTime, shownDays } from './format.ts'
import { billTo, type Fact, factList, frame, type Issuer } from './frame.ts'
import { linesTable } from './lines.ts'

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
  return frame(issuer, {
    title,
    heading: heading(invoice, title),
    behind: stamp(invoice),
    main: html`${notice(invoice, timezone, nowMs)}
<div class="facts">${billTo(invoice)}
${factList(facts(invoice, timezone))}</div>
${linesTable(invoice, timezone)}`,
  })
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

function facts(invoice: Invoice, timezone: string): Fact[] {
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
  return all.filter((one): one is Fact => one[1] !== null)
}

const periodLabels: Record<Invoice['kind'], string> = {
  opening: 'Trial',
  period: 'Period',
  change: 'Change within the period',
  trailing: 'Late usage received',
}
