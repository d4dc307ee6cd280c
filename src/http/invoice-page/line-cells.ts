// What the page says of each kind of line.

import { localDate } from '../../billing/interval.ts'
import {
  type AdjustmentLine,
  type FeeLine,
  type Invoice,
  type InvoiceLine,
  invoiceNumber,
  type Match,
  type ProrationLine,
  type UsageLine,
} from '../../billing/invoices/invoice.ts'
import { decimal, text } from '../../kernel/decimal.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { shownDates, shownMoney, shownNumber, shownSpan } from './format.ts'
import { priceSteps } from './price-steps.ts'

export type Cells = { what: Html; notes: Html[]; quantity: string; unitPrice: Html }

export function lineCells(line: InvoiceLine, invoice: Invoice, timezone: string): Cells {
  switch (line.kind) {
    case 'usage':
      return usageCells(line, invoice, timezone)
    case 'adjustment':
      return adjustmentCells(line, invoice, timezone)
    default:
      return feeCells(line, invoice, timezone)
  }
}

/** What nothing prices and nobody used is no line for a reader. */
export const isShown = (line: InvoiceLine): boolean =>
  line.kind !== 'usage' || line.price !== null || !decimal(line.quantity).eq('0')

function usageCells(line: UsageLine, invoice: Invoice, timezone: string): Cells {
  const { fromMs, toMs, quantity, price, breakdown } = line
  const isWhole = fromMs === invoice.startMs && toMs === invoice.endMs
  const [only, ...others] = breakdown
  const isPlain = only?.kind === 'per_unit' && others.length === 0 && only.quantity === quantity
  return {
    what: meterLabel(line, isRest(line, invoice)),
    notes: [
      ...(isWhole ? [] : [html`${shownSpan(timezone, fromMs, toMs)}`]),
      ...(isPlain ? [] : stepNotes(breakdown, invoice)),
    ],
    quantity: shownNumber(quantity),
    unitPrice:
      price === null
        ? html`<strong class="mark">not priced</strong>`
        : isPlain
          ? html`${shownMoney(only.unit_amount, invoice.currency)}`
          : nothing,
  }
}

function adjustmentCells(line: AdjustmentLine, invoice: Invoice, timezone: string): Cells {
  const { adjusts, fromMs, toMs, quantity, ratedQuantity, rated, amount } = line
  const billed = text(decimal(rated.amount).minus(amount))
  const money = (value: string) => shownMoney(value, invoice.currency)
  return {
    what: meterLabel(line, false),
    notes: [
      html`Changes line ${adjusts.line} of ${invoiceNumber(adjusts.number)}, ${shownSpan(timezone, fromMs, toMs)}`,
      ...correctionsNote(line),
      ...stepNotes(rated.breakdown, invoice),
      html`${shownNumber(ratedQuantity)} in all: ${money(rated.amount)}; billed so far: ${money(billed)}`,
    ],
    quantity: shownNumber(quantity),
    unitPrice: nothing,
  }
}

const CORRECTIONS_SHOWN = 3

/** By their ids, a few of them; all are in the CSV. */
function correctionsNote({ corrections = [] }: AdjustmentLine): Html[] {
  if (corrections.length === 0) return []
  const [shown, more] = [corrections.slice(0, CORRECTIONS_SHOWN), corrections.length - CORRECTIONS_SHOWN]
  return [html`By correction ${shown.join(', ')}${more > 0 ? html`, and ${more} more` : nothing}`]
}

function feeCells(line: FeeLine | ProrationLine, invoice: Invoice, timezone: string): Cells {
  const { fee, name, plan, feeAmount, fromDay, toDay, ofDays } = line
  const firstDay = fullPeriodStart(line, invoice, timezone)
  const last = Math.max(fromDay, toDay - 1)
  const days = shownDates(firstDay.add({ days: fromDay }), firstDay.add({ days: last }))
  return {
    what: named(name ?? fee),
    notes: [html`${days} · plan ${named(plan)}${correctionNote(line, invoice)}`],
    quantity: `${toDay - fromDay} of ${ofDays} days`,
    unitPrice: html`${shownMoney(feeAmount, invoice.currency)}`,
  }
}

const correctionNote = (line: FeeLine | ProrationLine, { currency }: Invoice): string => {
  if (line.kind === 'fee') return ''
  if (line.discount !== undefined)
    return ` · billed in advance, taken back, less the discount of ${shownMoney(line.discount, currency)}`
  return decimal(line.amount).lt('0') ? ' · billed in advance, taken back' : ' · not billed in advance, added'
}

/** What is due in advance is for the period after the invoice's; it says where that begins, or its own instant tells. */
const fullPeriodStart = (line: FeeLine | ProrationLine, { fullStartMs }: Invoice, timezone: string) => {
  if (line.kind !== 'fee' || line.due !== 'advance') return localDate(timezone, fullStartMs)
  return line.fullStartMs === undefined
    ? localDate(timezone, line.fromMs).subtract({ days: line.fromDay })
    : localDate(timezone, line.fullStartMs)
}

const stepNotes = (breakdown: UsageLine['breakdown'], { currency }: Invoice): Html[] =>
  priceSteps(breakdown, currency).map((step) => html`${step}`)

/** Whether other lines are for groups of the same meter, so that this one is for what they leave. */
const isRest = ({ meter, match, fromMs }: UsageLine, { lines }: Invoice): boolean =>
  match === null &&
  lines.some(
    (one) => one.kind === 'usage' && one.meter === meter && one.fromMs === fromMs && one.match !== null,
  )

const meterLabel = ({ meter, name, match }: UsageLine | AdjustmentLine, rest: boolean): Html =>
  html`${named(name ?? meter)}${rest ? html` <span class="match">all else</span>` : matchLabel(match)}`

const matchLabel = (match: Match): Html =>
  html`${Object.entries(match ?? {}).map(
    ([property, value]) =>
      html` <span class="match">${named(property)}: ${value === null ? html`<i>none</i>` : named(value)}</span>`,
  )}`
