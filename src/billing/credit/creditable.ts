// What can be taken back of an invoice: of each line its amount less its share of the coupons, in all what was billed. What is
// taken back goes by what was taken back so far, so that credit notes, by line or by amount, in any order, add up to the
// invoice: its net, each of its taxes, its total.

import { minorUnits, roundedAmount } from '../../kernel/currency.ts'
import { type Decimal, decimal, quotient, sum, zero } from '../../kernel/decimal.ts'
import { takesBack } from '../invoices/compute.ts'
import type { Invoice, InvoiceLine } from '../invoices/invoice.ts'
import type { CreditNote, Split, StoredNote } from './credit.ts'

/** An amount of the invoice and what of it was taken back so far. */
class Part {
  readonly all: Decimal
  readonly taken: Decimal
  constructor(all: Decimal, taken: Decimal) {
    this.all = all
    this.taken = taken
  }
  get left(): Decimal {
    return this.all.minus(this.taken)
  }
}

type InAll = {
  currency: string
  net: Part
  taxes: Part[]
  /** the total: net and taxes */
  gross: Part
}

export type Creditable = InAll & {
  /** of each line; nothing of one that gives something back */
  lines: Part[]
  /** of what each line counts */
  quantities: Part[]
}

/** `notes`: all of the invoice. */
export function creditableOf(invoice: Invoice, notes: CreditNote[]): Creditable {
  const byLine = Map.groupBy(
    notes.flatMap(({ lines }) => lines),
    ({ line }) => line,
  )
  const taken = (i: number, what: 'amount' | 'quantity') =>
    sum((byLine.get(i + 1) ?? []).map((one) => decimal(one[what] ?? '0')))
  return {
    ...creditableInAll(invoice, notes),
    lines: netOfLines(invoice).map((net, i) => new Part(net, taken(i, 'amount'))),
    quantities: invoice.lines.map((line, i) => new Part(quantityOf(line), taken(i, 'quantity'))),
  }
}

function creditableInAll({ totals, currency }: Invoice, notes: CreditNote[]): InAll {
  const taxes = totals!.taxes.map(({ amount }) => decimal(amount))
  const total = decimal(totals!.total)
  const taken = (amountOf: (note: CreditNote) => string) => sum(notes.map((note) => decimal(amountOf(note))))
  return {
    currency,
    net: new Part(
      total.minus(sum(taxes)),
      taken(({ subtotal }) => subtotal),
    ),
    taxes: taxes.map(
      (tax, i) =>
        new Part(
          tax,
          taken((note) => note.taxes[i]!.amount),
        ),
    ),
    gross: new Part(
      total,
      taken(({ amount }) => amount),
    ),
  }
}

/** What a line counts: usage, or days of a fee. */
const quantityOf = (line: InvoiceLine): Decimal =>
  decimal('quantity' in line ? line.quantity : String(line.toDay - line.fromDay))

/**
 * Discounts are shared out as they were taken, by the lines' amounts. The share of a line below zero is below zero, and the
 * others carry it.
 */
function netOfLines({ lines, totals, currency }: Invoice): Decimal[] {
  const taken = sum(totals!.discounts.map(({ amount }) => decimal(amount)))
  const charged = lines.map((line) => (takesBack(line) ? zero : decimal(line.amount)))
  const above = charged.map((amount) => (amount.gt('0') ? amount : zero))
  if (taken.eq('0')) return above
  const all = sum(charged)
  const carried = charged
    .filter((amount) => amount.lt('0'))
    .map((amount) => zero.minus(quotient(taken.times(amount), all, minorUnits(currency))))
  const shares = inShares(taken.plus(sum(carried)), above, currency)
  return above.map((amount, i) => amount.minus(shares[i]!))
}

/** Rounded one after another so that they add up. No share is more than its weight where the weights come to the amount at least. */
export function inShares(amount: Decimal, weights: Decimal[], currency: string): Decimal[] {
  const all = sum(weights)
  let [weighed, given] = [zero, zero]
  return weights.map((weight) => {
    weighed = weighed.plus(weight)
    const until = shareOf(amount, weighed, all, currency)
    const share = until.minus(given)
    given = until
    return share
  })
}

const shareOf = (amount: Decimal, part: Decimal, of: Decimal, currency: string): Decimal =>
  of.eq('0') ? zero : quotient(amount.times(part), of, minorUnits(currency))

const least = (x: Decimal, y: Decimal): Decimal => (x.lt(y) ? x : y)
const most = (x: Decimal, y: Decimal): Decimal => (x.gt(y) ? x : y)

/** The taxes on so much net: with it, as much of each as goes with all the net that is taken back by then. */
export function taxesOn(net: Decimal, { net: ofNet, taxes, currency }: InAll): Decimal[] {
  const until = ofNet.taken.plus(net)
  return taxes.map(({ all, taken, left }) =>
    most(zero, least(left, shareOf(all, until, ofNet.all, currency).minus(taken))),
  )
}

/** An amount with tax, in its taxes and (what is not theirs) its net; each as it goes with all that is taken back by then. */
export function inNetAndTaxes(
  amount: Decimal,
  { net, taxes, gross, currency }: InAll,
): { net: Decimal; taxes: Decimal[] } {
  const until = gross.taken.plus(amount)
  let rest = amount
  let roomAfter = net.left.plus(sum(taxes.map(({ left }) => left)))
  const shares = taxes.map(({ all, taken, left }) => {
    roomAfter = roomAfter.minus(left)
    const wanted = shareOf(all, until, gross.all, currency).minus(taken)
    const share = least(most(wanted, most(zero, rest.minus(roomAfter))), least(left, rest))
    rest = rest.minus(share)
    return share
  })
  return { net: rest, taxes: shares }
}

/** The taxes of an invoice as a credit note shows them. */
export const creditedTaxes = (invoice: Invoice, net: Decimal, amounts: Decimal[]): Split['taxes'] =>
  invoice.totals!.taxes.map(({ name, percent }, i) => ({
    name,
    percent,
    taxableAmount: roundedAmount(net, invoice.currency),
    amount: roundedAmount(amounts[i]!, invoice.currency),
  }))

/** An amount of the invoice as a whole. */
export function splitByAmount(invoice: Invoice, amount: Decimal, creditable: InAll): Split {
  const { net, taxes } = inNetAndTaxes(amount, creditable)
  const subtotal = roundedAmount(net, invoice.currency)
  return {
    lines: [{ line: null, name: null, quantity: null, amount: subtotal }],
    subtotal,
    taxes: creditedTaxes(invoice, net, taxes),
  }
}

/**
 * An invoice's credit notes (all of them, in the order of their numbers), with a split for those that were stored without one:
 * the one that they would have got, which is the same whenever it is computed.
 */
export function withSplits(invoice: Invoice, stored: StoredNote[]): CreditNote[] {
  const notes: CreditNote[] = []
  for (const note of stored) {
    const { lines, subtotal, taxes } = note
    const split =
      lines && subtotal !== undefined && taxes
        ? { lines, subtotal, taxes }
        : splitByAmount(invoice, decimal(note.amount), creditableInAll(invoice, notes))
    notes.push({ ...note, ...split })
  }
  return notes
}
