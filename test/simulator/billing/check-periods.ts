// Whether the invoices of each subscription are those of its periods, with what was priced and what its fees come to.

import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import type { Subscription } from '../../../src/billing/subscriptions/subscription.ts'
import { Violation } from '../violation.ts'
import { type Books, isIssued } from './books.ts'
import { label } from './check-books.ts'
import { minorOf } from './exact.ts'
import { usageExpected, usageShown } from './expected.ts'
import { laws } from './laws.ts'
import { type Agreed, canonical, feesIn, type Period, periodsOf, type TermsOf } from './timeline.ts'
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

const partOf = ({ startMs, anchor, trialEndMs, cancelAtMs, phases }: Subscription) =>
  canonical([{ startMs, anchor, trialEndMs, cancelAtMs }, phases.map(({ anchorDate: _, ...phase }) => phase)])

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
  let [before, ended]: [Invoice | null, boolean] = [null, false]
  for (const [sequence, invoice] of invoices.entries()) {
    if (invoice.sequence !== sequence)
      throw new Violation(laws.periods, `invoice ${sequence} of ${invoice.subscriptionId} is missing`)
    const next: IteratorResult<Period> = ended ? { done: true, value: undefined } : periods.next()
    ended = next.done === true
    if (ended && takenBack(agreed, invoice)) continue
    if (next.done) {
      if (invoice.kind !== 'trailing' || !isIssued(invoice))
        throw new Violation(laws.periods, `${label(invoice)} is of no period: the subscription ended`)
    } else {
      checkInstants(agreed, invoice, next.value)
      if (isIssued(invoice)) checkLines(agreed, invoice, next.value, before)
    }
    before = invoice
  }
}

/** A subscription that was cancelled before it began leaves a draft that was never issued. */
const takenBack = ({ startMs, cancelAtMs }: Agreed, { status, number }: Invoice): boolean =>
  status === 'void' && number === null && cancelAtMs === startMs

function checkInstants(agreed: Agreed, invoice: Invoice, period: Period): void {
  const { kind, startMs, fullStartMs, fullDays } = period
  const endMs = isIssued(invoice) ? period.cutMs : period.endMs
  const expected = { kind, startMs, endMs, fullStartMs, fullEndMs: period.endMs, fullDays }
  const is = Object.fromEntries(Object.keys(expected).map((name) => [name, invoice[name as keyof Invoice]]))
  if (canonical(is) === canonical(expected)) return
  const shown = (value: object) =>
    JSON.stringify(value, (name, one) => (name.endsWith('Ms') ? new Date(one as number).toISOString() : one))
  throw new Violation(
    laws.periods,
    `${label(invoice)} in ${agreed.zone} is of ${shown(is)}, not ${shown(expected)}`,
  )
}

function checkLines(agreed: Agreed, invoice: Invoice, period: Period, before: Invoice | null): void {
  if (period.kind === 'opening') return
  const names = usageExpected(agreed, period, [], invoice.currency).map(({ what }) => what)
  const shown = usageShown(invoice).flatMap(({ what }) => (what.startsWith('usage ') ? [what] : []))
  if (canonical(names) !== canonical(shown))
    throw new Violation(laws.once, `${label(invoice)} prices\n${shown.join('\n')}\nnot\n${names.join('\n')}`)
  const billed = new Map<string, bigint>()
  // Where the invoice before was voided in time, what it had billed in advance is left to the period's own.
  const inAdvance = before?.status === 'void' && invoice.advance.length === 0 ? [] : (before?.lines ?? [])
  for (const line of [...invoice.lines, ...inAdvance]) {
    if (line.kind !== 'fee' && line.kind !== 'proration') continue
    if (line.fromMs < period.startMs || line.fromMs >= period.endMs) continue
    const discount = line.kind === 'proration' ? minorOf(line.discount ?? '0', invoice.currency) : 0n
    billed.set(line.fee, (billed.get(line.fee) ?? 0n) + minorOf(line.amount, invoice.currency) - discount)
  }
  sameFees(invoice, billed, feesIn(agreed, period, invoice.currency))
}

/** What was billed in advance as it was agreed at that moment; the period's own invoice corrects it. */
export function checkAdvance(agreed: Agreed, invoice: Invoice): void {
  if (invoice.kind === 'trailing') return
  let [of, next]: (Period | null)[] = [null, null]
  for (const period of periodsOf(agreed)) {
    if (of !== null) {
      next = period
      break
    }
    if (period.kind === invoice.kind && period.startMs === invoice.startMs) of = period
  }
  const billed = new Map<string, bigint>()
  for (const line of invoice.lines) {
    if (line.kind === 'fee' && line.fromMs >= of!.endMs)
      billed.set(line.fee, (billed.get(line.fee) ?? 0n) + minorOf(line.amount, invoice.currency))
  }
  sameFees(invoice, billed, next ? feesIn(agreed, next, invoice.currency, 'advance') : new Map())
}

function sameFees(invoice: Invoice, billed: Map<string, bigint>, owed: Map<string, bigint>): void {
  for (const fee of new Set([...billed.keys(), ...owed.keys()])) {
    const [is, expected] = [billed.get(fee) ?? 0n, owed.get(fee) ?? 0n]
    if (is !== expected)
      throw new Violation(
        laws.fees,
        `${label(invoice)}: the fee ${fee} is ${is} minor units, not ${expected}`,
      )
  }
}
