// Actors: the job that issues invoices, at any time, by any number of isolates, and cut off anywhere; and what everybody can
// read meanwhile.

import fc from 'fast-check'
import { closeDue, closeRange } from '../../../../src/billing/invoices/close-due.ts'
import type { DueRange } from '../../../../src/billing/invoices/due-range.ts'
import type { Invoice } from '../../../../src/billing/invoices/invoice.ts'
import { previewChange, previewInvoice } from '../../../../src/billing/invoices/preview-invoice.ts'
import { readInvoice } from '../../../../src/billing/invoices/read-invoice.ts'
import { type Fate, fates } from '../../network.ts'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { type Pace, smoothly } from '../../stage.ts'
import { Violation } from '../../violation.ts'
import { type Books, isIssued } from '../books.ts'
import { checkedBooks, checkTotals } from '../check-books.ts'
import { checkPeriods } from '../check-periods.ts'
import { checkInvoice, checkIssued, grantsAfter, grantsOf } from '../check-usage.ts'
import { minorOf } from '../exact.ts'
import { laws } from '../laws.ts'
import { wanted } from '../plan.ts'
import { canonical } from '../timeline.ts'
import { firstsOf, type Known, type Year } from '../year.ts'
import { ask } from './command.ts'
import { change, changed, changeInput, subscriptionInput } from './subscriptions.ts'
import { sendBatch } from './usage.ts'

/** One run of the job, or of a range of what is due. `more`: whether something is due still. */
export async function runClosing(
  year: Year,
  isolate: number,
  pace: Pace,
  range?: DueRange,
): Promise<{ more: boolean }> {
  const outcome = { more: false }
  await year.start('close', year.isolate(isolate), pace, async () => {
    const { services } = year.isolate(isolate)
    const { failed, more } = await (range ? closeRange(services, range) : closeDue(services))
    if (failed.length > 0) throw new Violation(laws.closes, `${failed[0]!.customerId}: ${failed[0]!.reason}`)
    outcome.more = more
  })
  return outcome
}

/** Runs that go well up to a call (the last one writes), and meet a fault there. */
const cutOff: fc.Arbitrary<Pace> = fc
  .record({ well: fc.constantFrom(0, 1, 2, 3, 3, 4, 4, 4), fault: fc.constantFrom(...fates) })
  .map(({ well, fault }) => ({ fates: [...Array<Fate>(well).fill('ok'), fault], rest: 'ok' }))

export const close: Operation<{ isolate: number; pace: Pace }, Year> = {
  name: 'close',
  weight: 10,
  arbitrary: fc.record({ isolate: some, pace: fc.oneof(pace, cutOff) }),
  async run(year, { isolate, pace }) {
    await runClosing(year, isolate, pace)
    await looked(year)
  },
}

/** The books, with what is always checked of them. */
export async function looked(year: Year): Promise<Books[]> {
  await year.lookAgain()
  const books = await checkedBooks(year)
  checkPeriods(year, books)
  return books
}

/** Faults are lifted, what is under way arrives, and whoever waits for an answer gets it. */
export async function calm(year: Year): Promise<void> {
  year.network.away.redis = false
  year.network.away.postgres = false
  for (let round = 0; year.network.parked.length > 0; round++) {
    if (round > 2_000) throw new Violation(laws.closes, 'calls go on and on')
    await year.network.deliver(0, 'ok')
  }
  for (const batch of year.unanswered) await sendBatch(year, 0, batch, smoothly)
  await year.lookAgain()
  year.check()
  if (!year.isCalm)
    throw new Violation(laws.answers, 'somebody waits for an answer, though nothing is broken')
}

/** The job runs while nothing else is under way: what it issues has to be right to the last digit. */
export const closeInCalm: Operation<{ isolate: number; hours: number }, Year> = {
  name: 'close-in-calm',
  weight: 8,
  arbitrary: fc.record({ isolate: some, hours: fc.constantFrom(0, 1, 2, 24) }),
  async run(year, { isolate, hours }) {
    await calm(year)
    year.wait(hours * 3_600_000)
    await closedInCalm(year, isolate)
  },
}

export async function closedInCalm(year: Year, isolate: number): Promise<{ more: boolean; books: Books[] }> {
  const before = await looked(year)
  const { more } = await runClosing(year, isolate, smoothly)
  year.check()
  const books = await looked(year)
  checkIssued(year, before, books)
  return { more, books }
}

/** Drafts as they are read, and whether they are right. */
export async function readDrafts(
  year: Year,
  isolate: number,
  books: Books[],
  most: number,
): Promise<Invoice[]> {
  const drafts: Invoice[] = []
  for (const known of [...year.known.values()].slice(0, most)) {
    const { id, customerId } = known.agreed
    const own = books[known.tenant]!
    const draft = own.invoices.find(
      ({ subscriptionId, status }) => subscriptionId === id && status === 'draft',
    )
    if (!draft) continue
    await ask(
      year,
      'draft',
      { isolate, tenant: known.tenant, pace: smoothly },
      ({ services, caller }) => readInvoice(services, caller, { id: draft.id }),
      (invoice) => {
        if (!invoice) throw new Violation(laws.answers, `the draft ${draft.id} can't be read`)
        checkInvoice(year, momentOf(year, isolate, own, known), invoice)
        drafts.push(invoice)
      },
    )
    year.check()
    if (!drafts.some(({ subscriptionId }) => subscriptionId === id))
      throw new Violation(laws.answers, `the draft of ${customerId} can't be read`)
  }
  return drafts
}

function momentOf(year: Year, isolate: number, books: Books, known: Known) {
  const { id, customerId } = known.agreed
  return {
    known,
    books,
    earlier: books.invoices.filter((one) => isIssued(one) && one.subscriptionId === id),
    grants: grantsOf(books, customerId),
    nowMs: year.isolate(isolate).services.clock(),
  }
}

export const readInCalm: Operation<{ isolate: number }, Year> = {
  name: 'read-in-calm',
  weight: 5,
  arbitrary: fc.record({ isolate: some }),
  async run(year, { isolate }) {
    await calm(year)
    await readDrafts(year, isolate, await looked(year), 3)
  },
}

/** At any moment, whatever is under way, a draft can be computed, and adds up. */
export const read: Operation<{ isolate: number; pace: Pace; subscription: number }, Year> = {
  name: 'read',
  weight: 5,
  arbitrary: fc.record({ isolate: some, pace, subscription: some }),
  async run(year, { isolate, pace, subscription }) {
    const known = year.subscription(subscription)
    const id = known?.agreed.open?.invoiceId
    if (!known || !id) return
    await ask(
      year,
      'read',
      { isolate, tenant: known.tenant, pace },
      ({ services, caller }) => readInvoice(services, caller, { id }),
      (invoice) => {
        if (invoice?.totals) checkTotals(invoice)
      },
    )
  },
}

const previewed = fc.record({ change: changed, subscribe: wanted, ofChange: fc.boolean() })

/** What would be if: the invoice after a change has to be the one of the subscription that it would make. */
export const preview: Operation<Drawn<typeof previewed>, Year> = {
  name: 'preview',
  weight: 4,
  arbitrary: previewed,
  async run(year, { change, subscribe, ofChange }) {
    if (!ofChange) {
      const sent = subscriptionInput(year, subscribe)
      await ask(
        year,
        'preview',
        subscribe,
        ({ services, caller }) => previewInvoice(services, caller, sent),
        (invoice) => {
          if (invoice) checkTotals(invoice)
        },
      )
      return
    }
    await calm(year)
    const known = year.subscription(change.subscription)
    if (known) await checkedPreview(year, known, change)
  },
}

type Previewed = Awaited<ReturnType<typeof previewChange>>

/** Every invoice of a preview has to be right. null: it was refused. */
async function checkedPreview(
  year: Year,
  known: Known,
  change: Drawn<typeof changed>,
): Promise<Previewed | null> {
  const books = (await looked(year))[known.tenant]!
  const { id } = known.agreed
  const previews: Previewed[] = []
  await ask(
    year,
    'preview',
    { ...change, tenant: known.tenant, pace: smoothly },
    ({ services, caller }) => previewChange(services, caller, { id, change: changeInput(year, change) }),
    (answer) => {
      if (!answer) return
      previews.push(answer)
      const { subscription: agreed } = answer
      const would = { ...known, agreed, firsts: firstsOf(known.firsts, agreed, true) }
      const moment = momentOf(year, change.isolate, books, would)
      // What its first invoice is, the preview says: in the books it is another one.
      moment.books = { ...books, invoices: [...answer.issued, ...books.invoices] }
      for (const [n, invoice] of answer.issued.entries()) {
        checkInvoice(year, moment, invoice)
        // It will have a number.
        moment.earlier.push({ ...invoice, number: 1_000_000 + n })
        moment.grants = grantsAfter(moment.grants, invoice)
      }
      // What one below zero would carry over is a grant that nobody knows of yet.
      if (answer.issued.every(({ totals }) => minorOf(totals!.creditGranted, 'USD') === 0n))
        checkInvoice(year, moment, answer.invoice)
    },
  )
  year.check()
  return previews[0] ?? null
}

/** A change that is previewed first, while nothing else is under way: what it issues is what the preview has shown. */
export const changeInCalm: Operation<Drawn<typeof changed>, Year> = {
  name: 'change-in-calm',
  weight: 8,
  arbitrary: changed,
  async run(year, input) {
    await calm(year)
    const known = year.subscription(input.subscription)
    if (!known) return
    const preview = await checkedPreview(year, known, input)
    const issued = async () => {
      const { invoices } = (await looked(year))[known.tenant]!
      return invoices
        .filter((one) => isIssued(one) && one.subscriptionId === known.agreed.id)
        .sort((x, y) => x.sequence - y.sequence)
    }
    const before = (await issued()).length
    await change.run(year, { ...input, pace: smoothly })
    year.check()
    const shown = (all: Invoice[]) =>
      canonical(
        all.map(({ kind, startMs, endMs, lines, totals }) => ({ kind, startMs, endMs, lines, totals })),
      )
    const [is, expected] = [shown((await issued()).slice(before)), shown(preview?.issued ?? [])]
    if (is !== expected)
      throw new Violation(laws.previews, `a change issues\n${is}\nand its preview shows\n${expected}`)
  },
}
