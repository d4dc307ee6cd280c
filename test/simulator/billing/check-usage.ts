// Whether an invoice says what was used: exactly, where it is known what was acknowledged at that moment.

import type { OpenGrant } from '../../../src/billing/credit/credit.ts'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { Violation } from '../violation.ts'
import { type Books, isBilled, isIssued } from './books.ts'
import { checkTotals, label } from './check-books.ts'
import { agreedOf, checkAdvance, isEmpty } from './check-periods.ts'
import { minorOf, sum } from './exact.ts'
import {
  adjustmentsExpected,
  billedFor,
  type Expected,
  lineNow,
  reductionsExpected,
  usageExpected,
  usageNumbers,
  usageShown,
} from './expected.ts'
import { laws } from './laws.ts'
import { type Agreed, canonical, neverBilled, type Period, periodsOf } from './timeline.ts'
import type { Known, Year } from './year.ts'

/** Of all issued invoices now: each line of usage with its adjustments; with what drafts will adjust, where they are given. */
export function checkAllUsage(year: Year, all: Books[], drafts: Invoice[]): void {
  for (const { tenant, customer, agreed } of year.known.values()) {
    const events = year.eventsOf(tenant, customer)
    const mine = ({ subscriptionId }: Invoice) => subscriptionId === agreed.id
    const { subscriptions, invoices } = all[tenant]!
    // One that has ended waits for its trailing invoice, which no draft tells of.
    if (subscriptions.some(({ id, open, dueMs }) => id === agreed.id && open === null && dueMs !== null))
      continue
    const issued = invoices.filter(isIssued).filter(mine)
    for (const invoice of issued.filter(isBilled)) {
      for (const number of usageNumbers(invoice)) {
        const now = lineNow(invoice, number, events)
        const billed = billedFor(invoice, number, [...issued, ...drafts.filter(mine)])
        if (now.quantity === billed.quantity && now.amount === billed.amount) continue
        throw new Violation(
          laws.once,
          `${label(invoice)}, line ${number}: ${billed.quantity} (10^-12) for ${billed.amount} were billed, of ${now.quantity} for ${now.amount}`,
        )
      }
    }
  }
}

export type Moment = {
  known: Known
  books: Books
  /** issued before it, of its subscription */
  earlier: Invoice[]
  /** the customer's, as they were before it */
  grants: OpenGrant[]
  nowMs: number
}

/** An invoice that was computed when nothing was under way: it has to say all that was acknowledged, and nothing else. */
export function checkInvoice(year: Year, moment: Moment, invoice: Invoice): void {
  const { known, books, earlier } = moment
  const events = year.eventsOf(known.tenant, known.customer)
  const agreed = agreedOf(year, books, known)
  const late =
    invoice.kind === 'opening' || invoice.kind === 'change' ? [] : adjustmentsExpected(earlier, events)
  const used =
    invoice.kind === 'period' && !isEmpty(invoice) && !neverBilled(agreed)
      ? usageExpected(agreed, periodOf(agreed, invoice), events, invoice.currency)
      : []
  sameUsage(invoice, usageShown(invoice), [...used, ...late])
  checkAdvance(agreed, invoice)
  checkTotals(invoice)
  checkReductions(year, moment, invoice)
}

function periodOf(agreed: Agreed, { startMs, kind }: Invoice): Period {
  for (const period of periodsOf(agreed)) {
    if (period.startMs === startMs && period.kind === kind) return period
    if (period.startMs > startMs) break
  }
  throw new Violation(laws.periods, `there is no period from ${new Date(startMs).toISOString()} on`)
}

function sameUsage(invoice: Invoice, shown: Expected[], expected: Expected[]): void {
  const text = (all: Expected[]) =>
    all.map(({ what, quantity, amount }) => `${what}: ${quantity} (10^-12) for ${amount}`).sort()
  const [is, should] = [text(shown), text(expected)]
  const wrong = is.filter((one) => !should.includes(one))
  const missing = should.filter((one) => !is.includes(one))
  if (wrong.length + missing.length === 0 && is.length === should.length) return
  throw new Violation(
    laws.once,
    `${label(invoice)} says\n${wrong.join('\n')}\nand should say\n${missing.join('\n')}`,
  )
}

function checkReductions(year: Year, moment: Moment, invoice: Invoice): void {
  const minor = (amount: string) => minorOf(amount, invoice.currency)
  const { discounts, taxes, credits } = invoice.totals!
  const expected = reductionsExpected(
    { ...moment, attached: moment.known.agreed.coupons },
    invoice,
    year.setup.taxes,
  )
  const shown = {
    discounts: discounts.map(({ coupon, amount }) => [coupon, minor(amount)]),
    taxes: taxes.map(({ name, amount }) => [name, minor(amount)]),
    credits: credits.map(({ grantId, amount }) => [grantId, minor(amount)]),
  }
  const text = (value: object) =>
    JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one))
  if (text(shown) !== text(expected))
    throw new Violation(laws.totals, `${label(invoice)} has ${text(shown)}, not ${text(expected)}`)
}

/** What a customer's grants have left. */
export function grantsOf({ grants, entries }: Books, customer: string): OpenGrant[] {
  return grants
    .filter(({ customerId }) => customerId === customer)
    .map((grant) => {
      const mine = entries.filter(({ grantId }) => grantId === grant.id)
      return {
        ...grant,
        remaining: remainingOf(
          mine.map(({ amount }) => minorOf(amount, grant.currency)),
          grant.currency,
        ),
      }
    })
}

const remainingOf = (amounts: bigint[], currency: string): string => {
  const digits = currency === 'JPY' ? 0 : currency === 'KWD' ? 3 : 2
  const text = String(sum(amounts)).padStart(digits + 1, '0')
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** With what an invoice draws on them gone. */
export const grantsAfter = (grants: OpenGrant[], { totals, currency }: Invoice): OpenGrant[] =>
  grants.map((grant) => {
    const draws = totals!.credits
      .filter(({ grantId }) => grantId === grant.id)
      .map(({ amount }) => -minorOf(amount, currency))
    const remaining = remainingOf([minorOf(grant.remaining, currency), ...draws], currency)
    return { ...grant, remaining }
  })

/** The invoices that one run has issued while nothing else was under way, in the order of their numbers. */
export function checkIssued(year: Year, before: Books[], after: Books[]): void {
  for (const [tenant, books] of after.entries()) {
    const old = new Set(before[tenant]!.invoices.filter(isIssued).map(({ id }) => id))
    const left = new Map<string, OpenGrant[]>()
    const earlier = before[tenant]!.invoices.filter(isIssued)
    for (const invoice of books.invoices.filter((one) => isIssued(one) && !old.has(one.id))) {
      const { customerId } = invoice
      const known = year.known.get(invoice.subscriptionId)!
      const grants = left.get(customerId) ?? grantsOf(before[tenant]!, customerId)
      const mine = earlier.filter(({ subscriptionId }) => subscriptionId === invoice.subscriptionId)
      checkInvoice(year, { known, books, earlier: mine, grants, nowMs: invoice.issuedMs! }, invoice)
      const carried = books.grants.filter(({ source }) => source === invoice.id)
      left.set(customerId, [
        ...grantsAfter(grants, invoice),
        ...carried.map((grant) => ({ ...grant, remaining: grant.amount })),
      ])
      earlier.push(invoice)
    }
  }
}

/** Nothing is different, to the last byte. */
export function checkUnchanged(before: Books[], after: Books[]): void {
  if (canonical(before) !== canonical(after)) throw new Violation(laws.again, 'the books changed')
}
