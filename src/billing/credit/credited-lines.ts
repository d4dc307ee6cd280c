// From the lines that a credit note asks for to what it takes back of each, and whatever is wrong with them at once.

import { minorUnits, roundedAmount, tooFine } from '../../kernel/currency.ts'
import { type Decimal, decimal, quotient, sum, text, zero } from '../../kernel/decimal.ts'
import type { Issue } from '../../kernel/errors.ts'
import type { Invoice, InvoiceLine } from '../invoices/invoice.ts'
import type { CreditedLine } from './credit.ts'
import { type Creditable, inShares } from './creditable.ts'

/** `amount` before tax; neither it nor `quantity`: all that is left. */
export type AskedLine = { line: number; amount?: string | undefined; quantity?: string | undefined }

/** What is wrong with one field of a line: thrown and caught here. */
class Wrong {
  readonly field: string
  readonly detail: string
  constructor(field: keyof AskedLine, detail: string) {
    this.field = field
    this.detail = detail
  }
}

/** No issue: the lines of the credit note. Those of which nothing is left once the others are taken back are left out. */
export function creditedLines(
  invoice: Invoice,
  creditable: Creditable,
  asked: AskedLine[],
): { issues: Issue[]; lines: CreditedLine[] } {
  const issues: Issue[] = []
  const amounts: (Decimal | null)[] = []
  for (const [i, one] of asked.entries()) {
    try {
      refuseLine(invoice, creditable, asked, i)
      amounts.push(askedAmount(creditable, one))
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      issues.push({ pointer: `#/lines/${i}/${error.field}`, detail: error.detail })
    }
  }
  if (issues.length > 0) return { issues, lines: [] }
  const said = sum(amounts.map((amount) => amount ?? zero))
  const left = creditable.net.left
  if (said.gt(left)) {
    const detail = `must come to at most ${money(left, invoice)} before tax, which is what is left of the invoice; they come to ${money(said, invoice)}`
    return { issues: [{ pointer: '#/lines', detail }], lines: [] }
  }
  const rests = asked.map(({ line }, i) => (amounts[i] === null ? creditable.lines[line - 1]!.left : zero))
  const shared = sum(rests).gt(left.minus(said)) ? inShares(left.minus(said), rests, invoice.currency) : rests
  const lines = asked.map(({ line, quantity }, i) => ({
    line,
    name: nameOf(invoice.lines[line - 1]!),
    quantity: quantity ?? null,
    amount: money(amounts[i] ?? shared[i]!, invoice),
  }))
  return { issues, lines: lines.filter(({ amount }) => !decimal(amount).eq('0')) }
}

const money = (amount: Decimal, { currency }: { currency: string }): string => roundedAmount(amount, currency)

const nameOf = (line: InvoiceLine): string => line.name ?? ('meter' in line ? line.meter : line.fee)

function refuseLine(invoice: Invoice, creditable: Creditable, asked: AskedLine[], at: number): void {
  const { line: number } = asked[at]!
  const line = invoice.lines[number - 1]
  if (line === undefined) {
    const last = invoice.lines.length
    throw new Wrong(
      'line',
      `must be the number of a line of the invoice${last === 0 ? ', which has none' : `: 1 to ${last}`}`,
    )
  }
  const before = asked.findIndex((one) => one.line === number)
  if (before < at) throw new Wrong('line', `must be there once: #/lines/${before} is line ${number} already`)
  if (decimal(line.amount).lt('0'))
    throw new Wrong(
      'line',
      `must be a line that bills something: line ${number} comes to ${line.amount}, it gives back already`,
    )
  if (decimal(line.amount).eq('0'))
    throw new Wrong('line', `must be a line that bills something: line ${number} comes to ${line.amount}`)
  const { all, left } = creditable.lines[number - 1]!
  if (all.eq('0'))
    throw new Wrong('line', `must be a line that bills something: coupons took off all of line ${number}`)
  if (left.eq('0'))
    throw new Wrong(
      'line',
      `must be a line of which something is left: all ${money(all, invoice)} of line ${number} are taken back already`,
    )
  const { all: net, left: netLeft } = creditable.net
  if (!net.gt('0'))
    throw new Wrong(
      'line',
      `must be of an invoice that bills something in all: this one comes to ${money(net, invoice)} before tax, as other lines give back ${net.lt('0') ? 'more' : 'as much'}`,
    )
  if (!netLeft.gt('0'))
    throw new Wrong(
      'line',
      'must be of an invoice of which something is left before tax: all of it is taken back already',
    )
}

/** null: all that is left. */
function askedAmount(creditable: Creditable, { line, amount, quantity }: AskedLine): Decimal | null {
  const { currency } = creditable
  const { left } = creditable.lines[line - 1]!
  if (amount !== undefined) {
    const detail = tooFine(amount, currency)
    if (detail !== null) throw new Wrong('amount', detail)
    if (decimal(amount).gt(left))
      throw new Wrong(
        'amount',
        `must be at most ${money(left, creditable)}, which is what is left of line ${line} before tax`,
      )
    return decimal(amount)
  }
  if (quantity === undefined) return null
  const counted = creditable.quantities[line - 1]!
  if (!counted.left.gt('0'))
    throw new Wrong(
      'quantity',
      `must be absent: no quantity is left of line ${line}. Send an amount, or neither for all ${money(left, creditable)} that are left`,
    )
  if (decimal(quantity).gt(counted.left))
    throw new Wrong(
      'quantity',
      `must be at most ${text(counted.left)}, which is what is left of line ${line}`,
    )
  const share = quotient(left.times(quantity), counted.left, minorUnits(currency))
  if (share.eq('0'))
    throw new Wrong(
      'quantity',
      `must come to something: ${quantity} of ${text(counted.left)} come to ${money(zero, creditable)}`,
    )
  return share
}
