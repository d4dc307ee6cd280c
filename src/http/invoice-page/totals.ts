// From the sum of the lines to what is due: the last rows of the table of lines, so that they stay with the last of them.

import type { Invoice, Tax, Totals } from '../../billing/invoices/invoice.ts'
import { decimal, text, zero } from '../../kernel/decimal.ts'
import { type Html, html, named, nothing } from '../html.ts'
import { shownAmount, shownDay, shownPercent } from './format.ts'

export function totalsRows(invoice: Invoice, timezone: string): Html {
  const { totals } = invoice
  if (totals === null) return nothing
  const { subtotal, discounts, taxes, total, credits, creditGranted } = totals
  const row = (label: Html, amount: string, style = '') =>
    totalRow(style, label, html`${shownAmount(amount, invoice.currency)}`)
  const tax = (one: Tax) => row(html`${named(one.name)} ${shownPercent(one.percent)}`, one.amount)
  return html`<tbody class="totals">
${row(html`Subtotal`, subtotal, 'first')}${discounts.map((one) => row(discountLabel(one), negated(one.amount)))}${taxes.map(tax)}${row(html`Total`, total, 'sum')}${credits.map((one) => row(html`Credit: ${named(one.name)}`, negated(one.amount)))}${decimal(creditGranted).eq('0') ? nothing : row(html`Added to your credit`, creditGranted)}${dueRow(invoice, totals, timezone)}</tbody>`
}

/** `before`: columns of the table before the amount. */
export const totalRow = (style: string, label: Html, amount: Html, before = 4): Html =>
  html`<tr class="${style}"><th scope="row" colspan="${before}">${label}</th><td class="n">${amount}</td></tr>
`

const discountLabel = ({ coupon, name, percentOff }: Totals['discounts'][number]): Html =>
  html`Discount: ${named(name ?? coupon)}${percentOff === null ? '' : ` (${shownPercent(percentOff)})`}`

/** What it says of the amount due, which a void invoice doesn't ask for any more. */
function dueRow({ status, movedMs, currency }: Invoice, { amountDue }: Totals, timezone: string): Html {
  const amount = shownAmount(amountDue, currency)
  const day = movedMs === null ? '' : ` on ${shownDay(timezone, movedMs)}`
  const [label, shown] = {
    draft: ['Amount due so far', html`${amount}`],
    issued: ['Amount due', html`${amount}`],
    paid: [`Paid${day}`, html`${amount}`],
    uncollectible: ['Amount due', html`${amount}`],
    void: ['Amount due (void)', html`<s>${amount}</s>`],
  }[status] as [string, Html]
  return totalRow('sum due', html`${label}`, shown)
}

const negated = (amount: string): string => text(zero.minus(decimal(amount)))
