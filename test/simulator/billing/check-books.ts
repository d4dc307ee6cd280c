// What has to hold of the books at any moment, whatever is under way.

import type { CreditEntry } from '../../../src/billing/credit/credit.ts'
import type { Invoice, Totals } from '../../../src/billing/invoices/invoice.ts'
import { Violation } from '../violation.ts'
import { type Books, isBilled, isIssued, readBooks } from './books.ts'
import { checkNotes } from './check-notes.ts'
import { minorOf, percentOf, sum } from './exact.ts'
import { laws } from './laws.ts'
import { canonical } from './timeline.ts'
import type { Year } from './year.ts'

export const label = ({ number, sequence, subscriptionId, kind, status }: Invoice): string =>
  `${kind} invoice ${number ?? '(draft)'} (${status}, ${sequence} of ${subscriptionId.slice(0, 8)})`

/** By the number of the tenant. */
export async function checkedBooks(year: Year): Promise<Books[]> {
  const all: Books[] = []
  for (const { id } of year.tenants) {
    const books = await readBooks(year.postgres, id)
    const issued = books.invoices.filter(isIssued)
    numbersWithoutGaps('invoices', issued)
    numbersWithoutGaps('credit notes', books.notes)
    for (const invoice of issued) {
      checkFrozen(year, books, invoice)
      checkAdjusted(books, invoice)
      checkTotals(invoice)
      checkNotes(
        invoice,
        books.notes.filter(({ invoiceId }) => invoiceId === invoice.id),
      )
    }
    checkLedger(books)
    all.push(books)
  }
  return all
}

function numbersWithoutGaps(what: string, items: { number: number | null }[]): void {
  const numbers = items.map(({ number }) => number!).sort((a, b) => a - b)
  const wrong = numbers.findIndex((number, i) => number !== i + 1)
  if (wrong === -1) return
  throw new Violation(laws.numbers, `the ${what} have the numbers ${numbers.join(', ')}`)
}

/** But for its status, for what credit notes take off what is due, and for what it knows of later invoices. */
function checkFrozen(year: Year, { notes }: Books, invoice: Invoice): void {
  const {
    status: _,
    movedMs: __,
    usageFinal: ___,
    adjustedBy: ____,
    reopened: _____,
    totals,
    ...rest
  } = invoice
  const taken = notes.filter((note) => note.invoiceId === invoice.id && note.settlement === 'invoice')
  const due = sum(
    [totals!.amountDue, ...taken.map(({ amount }) => amount)].map((one) => minorOf(one, invoice.currency)),
  )
  const now = canonical([rest, { ...totals, amountDue: String(due) }])
  const before = year.frozen.get(invoice.id)
  year.frozen.set(invoice.id, before ?? now)
  if (before !== undefined && before !== now)
    throw new Violation(laws.frozen, `${label(invoice)} was\n${before}\nand is\n${now}`)
}

/** What it knows of later invoices is what they bill for it. */
function checkAdjusted({ invoices, notes }: Books, { adjustedBy, ...invoice }: Invoice): void {
  const billed = invoices.filter(isBilled).flatMap(({ id, lines }) =>
    lines.flatMap((line) =>
      line.kind === 'adjustment' && line.adjusts.invoiceId === invoice.id
        ? [
            {
              invoiceId: id,
              line: line.adjusts.line,
              quantity: line.quantity,
              events: line.events,
              amount: line.amount,
            },
          ]
        : [],
    ),
  )
  const text = (all: object[]) => all.map(canonical).sort().join('\n')
  const [byNotes, byInvoices] = [
    adjustedBy.filter(({ invoiceId }) => invoiceId === null),
    adjustedBy.filter(({ invoiceId }) => invoiceId !== null),
  ]
  const given = notes
    .filter(({ invoiceId, reason }) => invoiceId === invoice.id && reason.startsWith('Correction'))
    .flatMap(({ id, lines }) => lines.map(({ line }) => `${id} line ${line}`))
  const known = byNotes.map(({ creditNoteId, line }) => `${creditNoteId} line ${line}`)
  if (canonical(known.sort()) !== canonical(given.sort()))
    throw new Violation(
      laws.once,
      `${label({ adjustedBy, ...invoice })} knows of what was credited at once: ${known}; and there is ${given}`,
    )
  if (text(byInvoices) !== text(billed))
    throw new Violation(
      laws.once,
      `${label({ adjustedBy, ...invoice })} knows of the adjustments\n${text(adjustedBy)}\nand there are\n${text(billed)}`,
    )
}

export function checkTotals(invoice: Invoice): void {
  const { currency, lines } = invoice
  const totals = invoice.totals!
  const minor = (amount: string) => minorOf(amount, currency)
  const amounts = (all: { amount: string }[]) => sum(all.map(({ amount }) => minor(amount)))
  const right = (what: keyof Totals, expected: bigint) => {
    if (minor(totals[what] as string) !== expected)
      throw new Violation(
        laws.totals,
        `${label(invoice)}: ${what} is ${totals[what]}, not ${expected} minor units`,
      )
  }
  const subtotal = amounts(lines)
  right('subtotal', subtotal)
  const discounted = subtotal - amounts(totals.discounts)
  for (const { percent, amount, name } of totals.taxes) {
    if (minor(amount) !== percentOf(percent, discounted))
      throw new Violation(laws.totals, `${label(invoice)}: ${percent} % ${name} are ${amount}`)
  }
  const total = discounted + amounts(totals.taxes)
  right('total', total)
  right('creditGranted', total < 0n ? -total : 0n)
  const due = total - amounts(totals.credits)
  if (due < 0n && total > 0n) throw new Violation(laws.totals, `${label(invoice)} draws more than its total`)
  // Credit notes only lower it.
  if (minor(totals.amountDue) < 0n || minor(totals.amountDue) > (total < 0n ? 0n : due))
    throw new Violation(
      laws.totals,
      `${label(invoice)}: amountDue is ${totals.amountDue}, of ${due} minor units`,
    )
}

function checkLedger({ invoices, grants, entries }: Books): void {
  const byGrant = Map.groupBy(entries, ({ grantId }) => grantId)
  for (const grant of grants) {
    const { currency, id } = grant
    const minor = ({ amount }: Pick<CreditEntry, 'amount'>) => minorOf(amount, currency)
    const mine = byGrant.get(id) ?? []
    const granted = mine.filter(({ kind }) => kind === 'grant')
    if (granted.length !== 1 || minor(granted[0]!) !== minor(grant))
      throw new Violation(
        laws.credit,
        `grant ${id} of ${grant.amount} has the entries ${JSON.stringify(mine)}`,
      )
    const left = sum(mine.map(minor))
    if (left < 0n || left > minor(grant))
      throw new Violation(
        laws.credit,
        `of grant ${id} of ${grant.amount}, ${left} minor units are left: ${JSON.stringify(mine)}`,
      )
    const late = mine.find(
      ({ kind, createdMs }) => kind === 'draw' && createdMs >= (grant.expiresMs ?? Number.POSITIVE_INFINITY),
    )
    if (late) throw new Violation(laws.credit, `grant ${id} was drawn on after it had expired`)
  }
  if (entries.some(({ grantId }) => !grants.some(({ id }) => id === grantId)))
    throw new Violation(laws.credit, 'an entry is of no grant')
  for (const invoice of invoices.filter(isIssued)) {
    const minor = (amount: string) => minorOf(amount, invoice.currency)
    const of = (kind: CreditEntry['kind']) =>
      entries
        .filter((entry) => entry.kind === kind && entry.invoiceId === invoice.id)
        .map(({ grantId, amount }) => `${grantId} ${minor(amount)}`)
        .sort()
    const shown = (sign: bigint) =>
      invoice.totals!.credits.map(({ grantId, amount }) => `${grantId} ${sign * minor(amount)}`).sort()
    const returned = invoice.status === 'void' ? shown(1n) : []
    if (canonical([of('draw'), of('return')]) !== canonical([shown(-1n), returned]))
      throw new Violation(
        laws.credit,
        `${label(invoice)} shows ${shown(-1n)}; drawn: ${of('draw')}; returned: ${of('return')}`,
      )
    const carried = grants.filter(({ source }) => source === invoice.id).map(({ amount }) => minor(amount))
    const expected = minor(invoice.totals!.creditGranted)
    if (sum(carried) !== expected || carried.length > 1)
      throw new Violation(
        laws.credit,
        `${label(invoice)} carries over ${expected} minor units, and grants ${carried}`,
      )
  }
}
