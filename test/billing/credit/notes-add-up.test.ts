// Whatever the invoice, and in whichever way and order it is taken back: credit notes add up to it. The oracle counts minor units
// with BigInt, and knows of each line only what its share of the coupons may be at most.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { TaxRate } from '../../../src/access/customer.ts'
import type { CreditNote } from '../../../src/billing/credit/credit.ts'
import { takesBack } from '../../../src/billing/invoices/compute.ts'
import type { Invoice, InvoiceLine } from '../../../src/billing/invoices/invoice.ts'
import { minorUnits } from '../../../src/kernel/currency.ts'
import { type Issue, TollgateError } from '../../../src/kernel/errors.ts'
import { cases } from '../../support/effort.ts'
import { feeOf, NotedInvoice, prorationOf, usageOf } from './noted-invoice.ts'

const RUNS = cases(150, 400)

const minorOf = (amount: string, currency: string): bigint => {
  const [whole = '', decimals = ''] = amount.split('.')
  const digits = minorUnits(currency)
  expect(decimals.length, amount).toBe(digits)
  return BigInt(whole + decimals)
}
const amountOf = (minor: bigint | number, currency: string): string => {
  const digits = minorUnits(currency)
  const [sign, plain] = minor < 0 ? ['-', String(-minor)] : ['', String(minor)]
  const padded = plain.padStart(digits + 1, '0')
  return `${sign}${padded.slice(0, padded.length - digits)}${digits === 0 ? '' : `.${padded.slice(-digits)}`}`
}
const total = (all: bigint[]): bigint => all.reduce((sum, one) => sum + one, 0n)

/** What an invoice has, or credit notes have taken of it, in minor units. */
type Sums = { net: bigint; taxes: bigint[]; total: bigint }

function billedBy({ totals, currency }: Invoice): Sums {
  const taxes = totals!.taxes.map(({ amount }) => minorOf(amount, currency))
  const all = minorOf(totals!.total, currency)
  return { net: all - total(taxes), taxes, total: all }
}

/** The most that can be taken back of each line: all but what coupons took off of it, give or take one that was rounded. */
function linesBilledBy({ lines, totals, currency }: Invoice): bigint[] {
  const minor = lines.map((line) => minorOf(line.amount, currency))
  const charged = total(minor.filter((_, i) => !takesBack(lines[i]!)))
  const taken = total(totals!.discounts.map(({ amount }) => minorOf(amount, currency)))
  return minor.map((amount, i) => {
    if (takesBack(lines[i]!) || amount <= 0n) return 0n
    if (taken === 0n) return amount
    const carried = BigInt(lines.length)
    const most = amount - (taken * amount) / charged + 1n + carried
    return most < amount ? most : amount
  })
}

const rates: fc.Arbitrary<TaxRate[]> = fc.array(
  fc.constantFrom('19', '7', '8.875', '0', '20', '0.001').map((percent) => ({ name: 'VAT', percent })),
  { maxLength: 3 },
)
const wildRates: fc.Arbitrary<TaxRate[]> = fc.array(
  fc.constantFrom('100', '60', '33.3', '1').map((percent) => ({ name: 'Tax', percent })),
  { maxLength: 5 },
)
const coupons = fc.array(
  fc.oneof(
    fc.constantFrom('10', '33.333', '50', '99', '100').map((percentOff) => ({ percentOff })),
    fc.constantFrom(1, 7, 999).map((minor) => ({ minor })),
  ),
  { maxLength: 2 },
)
type LineOf = (amount: string) => InvoiceLine
const lineOf = (least: number) =>
  fc.record({
    kind: fc.constantFrom<LineOf[]>(usageOf, feeOf),
    minor: fc.oneof(fc.integer({ min: least, max: 30 }), fc.integer({ min: least * 100, max: 100_000 })),
  })
const charged = fc.array(lineOf(0), { minLength: 1, maxLength: 8 })
const anyLines = fc.array(
  fc.oneof(
    lineOf(-30),
    lineOf(0),
    fc.record({ kind: fc.constant<LineOf>(prorationOf), minor: fc.integer({ min: -500, max: 500 }) }),
  ),
  { minLength: 1, maxLength: 8 },
)

/** Parts of 1,000 of what is left. */
const some = fc.integer({ min: 1, max: 1_000 })
const byAmount = fc.record({ by: fc.constant('amount' as const), part: some })
const byLines = fc.record({
  by: fc.constant('lines' as const),
  which: fc.integer({ min: 1, max: 255 }),
  how: fc.array(fc.constantFrom('amount', 'quantity', 'rest'), { minLength: 8, maxLength: 8 }),
  part: some,
})
type Step = typeof byAmount | typeof byLines extends fc.Arbitrary<infer One> ? One : never

const billed = (lines: typeof anyLines | typeof charged, taxRates: typeof rates) =>
  fc
    .record({ currency: fc.constantFrom('JPY', 'USD', 'KWD'), coupons, taxRates, lines })
    .map(({ currency, coupons, taxRates, lines }) => ({
      currency,
      taxRates,
      coupons: coupons.map((one) => ('minor' in one ? { amountOff: amountOf(one.minor, currency) } : one)),
      lines: lines.map(({ kind, minor }) => kind(amountOf(minor, currency))),
    }))

class Notes {
  readonly noted: NotedInvoice
  readonly all: Sums
  readonly ofLines: bigint[]
  taken: Sums
  takenOfLines: bigint[]

  constructor(noted: NotedInvoice) {
    this.noted = noted
    this.all = billedBy(noted.invoice)
    this.ofLines = linesBilledBy(noted.invoice)
    this.taken = { net: 0n, taxes: this.all.taxes.map(() => 0n), total: 0n }
    this.takenOfLines = this.ofLines.map(() => 0n)
  }

  get left(): Sums {
    const { all, taken } = this
    const taxes = all.taxes.map((tax, i) => tax - taken.taxes[i]!)
    return { net: all.net - taken.net, taxes, total: all.total - taken.total }
  }

  minor = (amount: string) => minorOf(amount, this.noted.invoice.currency)
  amount = (minor: bigint) => amountOf(minor, this.noted.invoice.currency)

  async byAmount(minor: bigint): Promise<void> {
    const note = await this.noted.note({ amount: this.amount(minor) })
    this.#add(note)
    expect(this.minor(note.amount)).toBe(minor)
    expect(note.lines.map(({ line }) => line)).toEqual([null])
  }

  /** Whether it was not refused for being more than there is of a line or in all. */
  async byLines(lines: { line: number; amount?: string; quantity?: string }[]): Promise<boolean> {
    let note: CreditNote
    try {
      note = await this.noted.note({ lines })
    } catch (error) {
      if (error instanceof TollgateError && error.code === 'validation_failed') return false
      throw error
    }
    this.#add(note)
    for (const { line, amount, quantity } of note.lines) {
      const sent = lines.find((one) => one.line === line)!
      if (sent.amount !== undefined) expect(amount).toBe(sent.amount)
      expect(quantity).toBe(sent.quantity ?? null)
    }
    return true
  }

  #add(note: CreditNote): void {
    const { minor, all, taken } = this
    const amounts = note.lines.map(({ amount }) => minor(amount))
    const taxes = note.taxes.map(({ amount }) => minor(amount))
    for (const amount of [...amounts, ...taxes]) expect(amount >= 0n).toBe(true)
    expect(minor(note.amount) > 0n).toBe(true)
    expect(total(amounts)).toBe(minor(note.subtotal))
    expect(minor(note.subtotal) + total(taxes)).toBe(minor(note.amount))
    expect(note.taxes.map(({ name, percent, taxableAmount }) => [name, percent, taxableAmount])).toEqual(
      this.noted.invoice.totals!.taxes.map(({ name, percent }) => [name, percent, note.subtotal]),
    )
    taken.net += minor(note.subtotal)
    taken.total += minor(note.amount)
    taken.taxes = taken.taxes.map((tax, i) => tax + taxes[i]!)
    for (const { line, amount } of note.lines)
      if (line !== null) this.takenOfLines[line - 1] = this.takenOfLines[line - 1]! + minor(amount)
    expect(taken.net <= all.net).toBe(true)
    expect(taken.total <= all.total).toBe(true)
    for (const [i, tax] of taken.taxes.entries()) expect(tax <= all.taxes[i]!).toBe(true)
    for (const [i, line] of this.takenOfLines.entries()) expect(line <= this.ofLines[i]!).toBe(true)
  }

  /** How far each tax so far is from its part of the net so far: at most so many halves of a minor unit. */
  taxesWithin(halves: bigint): void {
    for (const [i, tax] of this.taken.taxes.entries()) {
      const off = tax * this.all.net - this.all.taxes[i]! * this.taken.net
      expect(2n * (off < 0n ? -off : off) <= halves * this.all.net).toBe(true)
    }
  }

  async step(step: Step): Promise<void> {
    const { left, noted } = this
    if (left.total === 0n) return
    const partOf = (minor: bigint, part: number) => {
      const share = (minor * BigInt(part)) / 1_000n
      return share === 0n ? 1n : share
    }
    if (step.by === 'amount') return this.byAmount(partOf(left.total, step.part))
    const lines = noted.invoice.lines.flatMap((line, i) => {
      const rest = this.ofLines[i]! - this.takenOfLines[i]!
      if (((step.which >> i) & 1) === 0 || rest <= 0n) return []
      const sent = { line: i + 1 }
      const how = step.how[i]!
      if (how === 'amount') return [{ ...sent, amount: this.amount(partOf(rest, step.part)) }]
      const most = 'quantity' in line ? 100 : line.toDay - line.fromDay
      return [
        how === 'quantity' ? { ...sent, quantity: String(Math.ceil((most * step.part) / 4_000)) } : sent,
      ]
    })
    if (lines.length > 0) await this.byLines(lines)
  }

  async restByLines(oneByOne: boolean): Promise<void> {
    const { invoice } = this.noted
    const lines = invoice.lines.map((_, i) => ({ line: i + 1 }))
    if (oneByOne) for (const line of lines) await this.byLines([line])
    else {
      // Those with nothing left are refused by their numbers; without them it goes.
      let issues: Issue[] = []
      try {
        this.#add(await this.noted.note({ lines }))
      } catch (error) {
        if (!(error instanceof TollgateError)) throw error
        issues = error.issues
      }
      const refused = new Set(issues.map(({ pointer }) => Number(pointer.split('/')[2])))
      const others = lines.filter((_, i) => !refused.has(i))
      if (issues.length > 0 && others.length > 0) expect(await this.byLines(others)).toBe(true)
    }
  }

  isWhole(): void {
    expect(this.taken).toEqual(this.all)
  }
}

const steps = (...kinds: fc.Arbitrary<Step>[]) => fc.array(fc.oneof(...kinds), { maxLength: 12 })
const isPositive = (noted: NotedInvoice) => billedBy(noted.invoice).total > 0n

it('by line, of any invoice that bills something: to the cent, and each note has its part of each tax', () =>
  fc.assert(
    fc.asyncProperty(billed(anyLines, rates), steps(byLines), fc.boolean(), async (of, some, oneByOne) => {
      const noted = new NotedInvoice(of)
      fc.pre(isPositive(noted))
      const notes = new Notes(noted)
      for (const step of some) {
        await notes.step(step)
        notes.taxesWithin(1n)
      }
      await notes.restByLines(oneByOne)
      notes.isWhole()
    }),
    RUNS,
  ))

it('by line and by amount, in any order', () =>
  fc.assert(
    fc.asyncProperty(
      billed(anyLines, rates),
      steps(byLines, byAmount),
      fc.constantFrom('amount', 'lines', 'line by line'),
      async (of, some, last) => {
        const noted = new NotedInvoice(of)
        fc.pre(isPositive(noted))
        const notes = new Notes(noted)
        for (const step of some) {
          await notes.step(step)
          notes.taxesWithin(4n)
        }
        const { left } = notes
        if (last !== 'amount') await notes.restByLines(last === 'line by line')
        else if (left.total > 0n) await notes.byAmount(left.total)
        notes.isWhole()
      },
    ),
    RUNS,
  ))

it('also where taxes are more than the net: never more than there is of anything, and what is left can be taken by amount', () =>
  fc.assert(
    fc.asyncProperty(billed(charged, wildRates), steps(byLines, byAmount), async (of, some) => {
      const noted = new NotedInvoice(of)
      fc.pre(isPositive(noted))
      const notes = new Notes(noted)
      for (const step of some) await notes.step(step)
      if (notes.left.total > 0n) await notes.byAmount(notes.left.total)
      notes.isWhole()
    }),
    RUNS,
  ))

it('of an invoice that bills nothing there is nothing to take back', () =>
  fc.assert(
    fc.asyncProperty(billed(anyLines, rates), steps(byLines), async (of, some) => {
      const noted = new NotedInvoice(of)
      fc.pre(!isPositive(noted))
      const notes = new Notes(noted)
      await expect(notes.byAmount(1n)).rejects.toMatchObject({ code: 'validation_failed' })
      for (const step of some) await notes.step(step)
      await notes.restByLines(true)
      expect(noted.notes).toEqual([])
    }),
    RUNS,
  ))
