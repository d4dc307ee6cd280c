// What has to hold of the credit notes of an invoice, counted in minor units: each adds up, together they take back no more than
// was billed, of each line and each tax and in all, and each tax as it goes with the net.

import type { CreditNote } from '../../../src/billing/credit/credit.ts'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { Violation } from '../violation.ts'
import { minorOf, sum } from './exact.ts'
import { laws } from './laws.ts'

export function checkNotes(invoice: Invoice, notes: CreditNote[]): void {
  if (notes.length === 0) return
  const { currency, number } = invoice
  const totals = invoice.totals!
  const minor = (amount: string) => minorOf(amount, currency)
  const amounts = (all: { amount: string }[]) => sum(all.map(({ amount }) => minor(amount)))
  const hold = (what: string, holds: boolean) => {
    if (!holds)
      throw new Violation(laws.notes, `invoice ${number}: ${what}: ${JSON.stringify([totals, notes])}`)
  }
  for (const { lines, subtotal, taxes, amount } of notes) {
    hold('a note’s lines are its subtotal', amounts(lines) === minor(subtotal))
    hold('a note’s subtotal and taxes are its amount', minor(subtotal) + amounts(taxes) === minor(amount))
    hold('a note takes something back', minor(amount) > 0n)
    hold(
      'nothing in a note is below zero',
      [...lines, ...taxes].every((one) => minor(one.amount) >= 0n),
    )
    hold('a note has the invoice’s rates', rates(taxes) === rates(totals.taxes))
  }
  const net = minor(totals.total) - amounts(totals.taxes)
  const takenNet = sum(notes.map(({ subtotal }) => minor(subtotal)))
  const taken = amounts(notes)
  hold('no more than the total is taken back', taken <= minor(totals.total))
  hold('no more than the net is taken back', takenNet <= net)
  const whole = taken === minor(totals.total)
  hold('all of the total is all of the net', !whole || takenNet === net)
  for (const [i, tax] of totals.taxes.entries()) {
    const of = minor(tax.amount)
    const back = sum(notes.map(({ taxes }) => minor(taxes[i]!.amount)))
    hold(`no more than the tax ${tax.name} is taken back`, back <= of && (!whole || back === of))
    const off = back * net - of * takenNet
    // Those by amount round the net, too.
    hold(`the tax ${tax.name} goes with the net`, (off < 0n ? -off : off) <= 2n * net)
  }
  for (const [i, line] of invoice.lines.entries()) {
    const back = amounts(notes.flatMap(({ lines }) => lines.filter((one) => one.line === i + 1)))
    hold(
      `no more than line ${i + 1} is taken back`,
      back === 0n || back <= mostOf(invoice, minor(line.amount)),
    )
  }
}

const rates = (taxes: { name: string; percent: string }[]): string =>
  JSON.stringify(taxes.map(({ name, percent }) => [name, percent]))

/** What coupons left of a line: their part of it is rounded, and may be less for what lines below zero carry. */
function mostOf({ lines, totals, currency }: Invoice, amount: bigint): bigint {
  const off = sum(totals!.discounts.map((one) => minorOf(one.amount, currency)))
  if (off === 0n) return amount
  const charged = sum(
    lines
      .map((line) => (line.kind === 'proration' && line.amount.startsWith('-') ? '0' : line.amount))
      .map((one) => minorOf(one, currency)),
  )
  const most = amount - (off * amount) / charged + 1n + BigInt(lines.length)
  return most < amount ? most : amount
}
