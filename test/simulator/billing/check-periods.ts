// Whether the invoices of each subscription are those of its periods, with what was priced and what its fees come to.

import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import type { Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import { Violation } from '../violation.ts'
import { type Books, isIssued } from './books.ts'
import { label } from './check-books.ts'
import { minorOf } from './exact.ts'
import { usageExpected, usageShown } from './expected.ts'
import { laws } from './laws.ts'
import {
  type Agreed,
  canonical,
  feesIn,
  neverBilled,
  type Period,
  periodsOf,
  type TermsOf,
} from './timeline.ts'
import type { Known, Year } from './year.ts'

export function agreedOf(year: Year, { plans, invoices }: Books, { tenant, agreed, firsts }: Known): Agreed {
  const termsOf: TermsOf = (phase) =>
    plans.find((one) => one.plan === phase.plan && one.version === phase.version)!.terms
  const possible = new Set(firsts.map((one) => termsOf(one).fees.some(({ due }) => due === 'advance')))
  const first = invoices.find((one) => one.subscriptionId === agreed.id && one.sequence === 0)
  const inAdvance = possible.size === 1 ? possible.has(true) : first?.kind === 'opening'
  return { ...agreed, zone: year.tenants[tenant]!.timezone, inAdvance, termsOf }
}

/** Of all subscriptions whose commands are all answered. */
export function checkPeriods(year: Year, all: Books[]): void {
  const doubtful = new Set([...year.doubts].map(({ subscriptionId }) => subscriptionId))
  for (const known of year.known.values()) {
    if (doubtful.has(known.agreed.id)) continue
    const books = all[known.tenant]!
    checkAgreed(known, books)
    const agreed = agreedOf(year, books, known)
    const invoices = books.invoices
      .filter(({ subscriptionId }) => subscriptionId === known.agreed.id)
      .sort((x, y) => x.sequence - y.sequence)
    checkChain(agreed, invoices)
  }
}

const partOf = ({ startMs, anchor, trialEndMs, cancelAtMs, phases, ...more }: Subscription) =>
  canonical([
    { startMs, anchor, trialEndMs, cancelAtMs },
    [more.billFromMs, more.billingAnchor, more.externalId],
    phases.map(({ anchorDate: _, ...phase }) => phase),
  ])

/** A change that was acknowledged is not undone by whatever else was written. */
function checkAgreed({ agreed }: Known, { subscriptions }: Books): void {
  const stored = subscriptions.find(({ id }) => id === agreed.id)
  if (stored && partOf(stored) === partOf(agreed)) return
  const is = stored ? partOf(stored) : 'gone'
  throw new Violation(
    laws.commands,
    `subscription ${agreed.id} was answered\n${partOf(agreed)}\nand is\n${is}`,
  )
}

function checkChain(agreed: Agreed, invoices: Invoice[]): void {
  const periods = periodsOf(agreed)
  const following = (): Period | null => {
    const { value, done } = periods.next()
    return done ? null : value
  }
  let next = following()
  // What may have billed fees in advance for the period that is next: the invoice before it, and those of changes within it.
  let before: Invoice[] = []
  for (const [sequence, invoice] of invoices.entries()) {
    if (invoice.sequence !== sequence)
      throw new Violation(laws.periods, `invoice ${sequence} of ${invoice.subscriptionId} is missing`)
    if (next === null && takenBack(agreed, invoice)) continue
    if (invoice.kind === 'change') {
      checkChange(invoice, next)
      checkBilledBefore(invoice, before)
      before.push(invoice)
      continue
    }
    if (isEmpty(invoice)) {
      checkEmpty(agreed, invoice, before)
      before = [invoice]
      continue
    }
    if (next === null) {
      if (invoice.kind !== 'trailing' || !isIssued(invoice))
        throw new Violation(laws.periods, `${label(invoice)} is of no period: the subscription ended`)
    } else {
      checkInstants(agreed, invoice, next)
      if (isIssued(invoice)) checkLines(agreed, invoice, next, before)
    }
    before = [invoice]
    next = next && following()
  }
}

/** A subscription that was cancelled before anything of it was billed leaves a draft that is never issued. */
const takenBack = (agreed: Agreed, { status, number }: Invoice): boolean =>
  number === null &&
  neverBilled(agreed) &&
  (status === 'void' || (agreed.billFromMs !== undefined && status === 'draft'))

/** What a change has left of a period that began with the hour that it was made in. */
export const isEmpty = ({ kind, startMs, endMs }: Invoice): boolean => kind === 'period' && startMs === endMs

function checkEmpty({ phases }: Agreed, invoice: Invoice, before: Invoice[]): void {
  if (!phases.some(({ beginsPeriod, fromMs }) => beginsPeriod && fromMs === invoice.startMs))
    throw new Violation(laws.periods, `${label(invoice)} lasts for nothing, and no change begins there`)
  if (!isIssued(invoice)) return
  if (invoice.lines.some(({ kind }) => kind === 'usage'))
    throw new Violation(laws.once, `${label(invoice)} lasts for nothing, and prices usage`)
  checkBilledBefore(invoice, before)
  sameFees(invoice, added(feesOf(invoice.advance, invoice), ownFees(invoice)), new Map())
}

/** One is issued within the period that goes on, by the instant of a change. */
function checkChange(invoice: Invoice, period: Period | null): void {
  const { startMs, endMs, lines } = invoice
  const within = period?.kind === 'period' && period.startMs <= startMs && startMs <= endMs
  if (!isIssued(invoice) || !within || lines.some(({ kind }) => kind !== 'proration'))
    throw new Violation(laws.periods, `${label(invoice)} is of no change within a period`)
  if (minorOf(invoice.totals!.total, invoice.currency) <= 0n)
    throw new Violation(laws.periods, `${label(invoice)} comes to ${invoice.totals!.total}`)
}

function checkInstants(agreed: Agreed, invoice: Invoice, period: Period): void {
  const { kind, startMs, fullStartMs, fullEndMs, fullDays } = period
  const endMs = isIssued(invoice) ? period.cutMs : period.endMs
  const expected = { kind, startMs, endMs, fullStartMs, fullEndMs, fullDays }
  const is = Object.fromEntries(Object.keys(expected).map((name) => [name, invoice[name as keyof Invoice]]))
  if (canonical(is) === canonical(expected)) return
  const shown = (value: object) =>
    JSON.stringify(value, (name, one) => (name.endsWith('Ms') ? new Date(one as number).toISOString() : one))
  throw new Violation(
    laws.periods,
    `${label(invoice)} in ${agreed.zone} is of ${shown(is)}, not ${shown(expected)}`,
  )
}

function checkLines(agreed: Agreed, invoice: Invoice, period: Period, before: Invoice[]): void {
  if (period.kind === 'opening') return
  const names = usageExpected(agreed, period, [], invoice.currency).map(({ what }) => what)
  const shown = usageShown(invoice).flatMap(({ what }) => (what.startsWith('usage ') ? [what] : []))
  if (canonical(names) !== canonical(shown))
    throw new Violation(laws.once, `${label(invoice)} prices\n${shown.join('\n')}\nnot\n${names.join('\n')}`)
  checkBilledBefore(invoice, before)
  const billed = added(feesOf(invoice.advance, invoice), ownFees(invoice))
  sameFees(invoice, billed, feesIn(agreed, period, invoice.currency))
}

type Fees = Map<string, bigint>
type Fee = { fee: string; amount: string; discount?: string; kind: 'fee' | 'proration' }

const added = (...all: Fees[]): Fees => {
  const sums: Fees = new Map()
  for (const fees of all) for (const [fee, amount] of fees) sums.set(fee, (sums.get(fee) ?? 0n) + amount)
  return sums
}

/** What is given back is so without what coupons had taken off. */
const feesOf = (lines: Fee[], { currency }: Invoice): Fees =>
  added(
    ...lines.map(({ fee, amount, discount, kind }): Fees => {
      const off = kind === 'proration' ? minorOf(discount ?? '0', currency) : 0n
      return new Map([[fee, minorOf(amount, currency) - off]])
    }),
  )

/** Of the period that an invoice is of. */
const ownFees = (invoice: Invoice): Fees =>
  feesOf(
    invoice.lines.filter(
      (line) => line.kind === 'proration' || (line.kind === 'fee' && line.due === 'arrears'),
    ) as Fee[],
    invoice,
  )

const advanceFees = (invoice: Invoice): Fees =>
  feesOf(invoice.lines.filter((line) => line.kind === 'fee' && line.due === 'advance') as Fee[], invoice)

/** What an invoice takes for billed in advance is what was: voided in time, it may not be. */
function checkBilledBefore(invoice: Invoice, before: Invoice[]): void {
  let possible: Fees[] = [new Map()]
  for (const one of before) {
    const fees = one.kind === 'change' ? ownFees(one) : advanceFees(one)
    const with_ = possible.map((sums) => added(sums, fees))
    possible = one.status === 'void' ? [...possible, ...with_] : with_
  }
  const text = (fees: Fees) =>
    canonical(
      [...fees]
        .filter(([, amount]) => amount !== 0n)
        .map(String)
        .sort(),
    )
  const known = text(feesOf(invoice.advance, invoice))
  if (possible.some((fees) => text(fees) === known)) return
  throw new Violation(
    laws.fees,
    `${label(invoice)} takes ${known} for billed in advance, of ${possible.map(text).join(' or ')}`,
  )
}

/** What was billed in advance as it was agreed at that moment; the period's own invoice corrects it. */
export function checkAdvance(agreed: Agreed, invoice: Invoice): void {
  if (invoice.kind === 'trailing') return
  const { startMs, currency } = invoice
  if (invoice.kind === 'change') {
    const period = periodAround(agreed, startMs)
    const billed = added(feesOf(invoice.advance, invoice), ownFees(invoice))
    sameFees(invoice, billed, feesIn(agreed, period, currency, 'advance'))
    return
  }
  const next = neverBilled(agreed)
    ? null
    : isEmpty(invoice)
      ? periodAround(agreed, startMs)
      : periodAfter(agreed, invoice)
  sameFees(invoice, advanceFees(invoice), next ? feesIn(agreed, next, currency, 'advance') : new Map())
}

function periodAround(agreed: Agreed, atMs: number): Period {
  for (const period of periodsOf(agreed)) {
    if (period.kind === 'period' && period.startMs <= atMs && atMs < period.endMs) return period
    if (period.startMs > atMs) break
  }
  throw new Violation(laws.periods, `there is no period at ${new Date(atMs).toISOString()}`)
}

function periodAfter(agreed: Agreed, { kind, startMs }: Invoice): Period | null {
  let found = false
  for (const period of periodsOf(agreed)) {
    if (found) return period
    if (period.startMs > startMs) break
    found = period.kind === kind && period.startMs === startMs
  }
  if (found) return null
  throw new Violation(laws.periods, `there is no period from ${new Date(startMs).toISOString()} on`)
}

function sameFees(invoice: Invoice, billed: Fees, owed: Fees): void {
  for (const fee of new Set([...billed.keys(), ...owed.keys()])) {
    const [is, expected] = [billed.get(fee) ?? 0n, owed.get(fee) ?? 0n]
    if (is !== expected)
      throw new Violation(
        laws.fees,
        `${label(invoice)}: the fee ${fee} is ${is} minor units, not ${expected}`,
      )
  }
}
