import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AdjustmentLine, Invoice } from '../../../src/billing/invoices/invoice.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { CustomerAccount } from '../customer-account.ts'

const price = { model: 'per_unit', unit_amount: '1' }
const adjustmentsOf = (invoices: Invoice[]) =>
  invoices.flatMap(({ lines }) => lines.filter((line): line is AdjustmentLine => line.kind === 'adjustment'))
const shown = (account: CustomerAccount) =>
  adjustmentsOf(account.invoices()).map(
    ({ adjusts, quantity, amount }) =>
      `INV-${adjusts.number} line ${adjusts.line}: ${quantity} for ${amount}`,
  )
const notes = (account: CustomerAccount) => account.written.flatMap(({ creditNotes }) => creditNotes)

/** January is issued with 120 calls for 120.00 and 20 % tax, and it is May. */
async function longAgo(more: { paid?: boolean; coupon?: boolean } = {}) {
  const account = new CustomerAccount('2026-01-01T00:00Z')
    .plan('pro', { prices: [{ meter: 'calls', price }] })
    .coupon('half', { percentOff: '50' })
  account.taxRates = [{ name: 'VAT', percent: '20' }]
  const { id } = await account.subscribe({ plan: 'pro', coupons: more.coupon ? ['half'] : [] })
  account.use('120', '2026-01-05T00:00Z').closeUntil('2026-05-15T00:00Z')
  const january = account.invoices(id)[0]!
  if (more.paid) await account.move(january.id, 'paid')
  return { account, id, now: () => account.all.get(january.id)! }
}
const asNote = { asCreditNote: true }

describe('what a correction takes off an invoice, as a credit note at once', () => {
  it('reduces what is due of one that is not paid, by line and with its tax, and no later invoice bills it again', async () => {
    const { account, id, now } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).reopen()
    expect(notes(account)).toMatchObject([
      {
        invoiceId: now().id,
        settlement: 'invoice',
        lines: [{ line: 1, quantity: null, amount: '30.00' }],
        subtotal: '30.00',
        amount: '36.00',
        reason: 'Correction c1',
      },
    ])
    expect(now()).toMatchObject({ status: 'issued', totals: { total: '144.00', amountDue: '108.00' } })
    expect(now().adjustedBy).toMatchObject([{ invoiceId: null, line: 1, quantity: '-30', amount: '-30.00' }])
    account.closeUntil('2026-08-15T00:00Z')
    expect(shown(account)).toEqual([])
    expect(account.invoices(id).every(({ reopened }) => reopened === undefined)).toBe(true)
  })

  it('becomes credit where the invoice is paid', async () => {
    const { account } = await longAgo({ paid: true })
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).reopen()
    expect(notes(account)).toMatchObject([{ settlement: 'credit', amount: '36.00' }])
    expect(account.remaining(account.grants()[0]!.id)).toBe('36')
  })

  it('is less its share of the coupons', async () => {
    const { account, now } = await longAgo({ coupon: true })
    expect(now().totals!.total).toBe('72.00')
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).reopen()
    expect(notes(account)).toMatchObject([{ subtotal: '15.00', amount: '18.00' }])
    expect(now().adjustedBy).toMatchObject([{ amount: '-30.00' }])
    account.closeUntil('2026-08-15T00:00Z')
    expect(shown(account)).toEqual([])
  })

  it('pays an invoice of which nothing is left', async () => {
    const { account, now } = await longAgo()
    account.correct('c1', '-120', '2026-01-05T00:00Z', asNote).reopen()
    expect(notes(account)).toMatchObject([{ amount: '144.00' }])
    expect(now()).toMatchObject({ status: 'paid', totals: { amountDue: '0.00' } })
  })

  it('names all corrections that come at once, in one note', async () => {
    const { account } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).correct('c2', '-1', '2026-01-06T00:00Z', asNote)
    account.reopen()
    expect(notes(account)).toMatchObject([{ reason: 'Corrections c1, c2', subtotal: '31.00' }])
  })

  it('is an adjustment where it is more, for a note takes back', async () => {
    const { account } = await longAgo()
    account.correct('c1', '30', '2026-01-05T00:00Z', asNote).closeUntil('2026-06-15T00:00Z')
    expect(notes(account)).toEqual([])
    expect(shown(account)).toEqual(['INV-1 line 1: 30 for 30.00'])
  })

  it('is left to the next invoice where other notes have taken back what it would', async () => {
    const { account, now } = await longAgo()
    await account.note(now().id, { lines: [{ line: 1, amount: '100' }] })
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).closeUntil('2026-06-15T00:00Z')
    expect(notes(account)).toHaveLength(1)
    expect(shown(account)).toEqual(['INV-1 line 1: -30 for -30.00'])
  })

  it('is left to the next invoice where less is due, as credit paid the rest', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', {
      prices: [{ meter: 'calls', price }],
    })
    await account.grant({ amount: '100' })
    await account.subscribe({ plan: 'pro' })
    account.use('120', '2026-01-05T00:00Z').closeUntil('2026-05-15T00:00Z')
    expect(account.invoices()[0]!.totals!.amountDue).toBe('20.00')
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).closeUntil('2026-06-15T00:00Z')
    expect(notes(account)).toEqual([])
    expect(shown(account)).toEqual(['INV-1 line 1: -30 for -30.00'])
  })

  it('is billed again by the next invoice when it is reverted', async () => {
    const { account } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).reopen()
    account.correct('c1', '30', '2026-01-05T00:00Z').closeUntil('2026-08-15T00:00Z')
    expect(shown(account)).toEqual(['INV-1 line 1: 30 for 30.00'])
    expect(adjustmentsOf(account.invoices())[0]!.corrections).toEqual(['c1'])
  })

  it('of a void invoice is nothing', async () => {
    const { account, now } = await longAgo()
    await account.move(now().id, 'void')
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).closeUntil('2026-08-15T00:00Z')
    expect([notes(account), shown(account)]).toEqual([[], []])
  })

  it('keeps the invoice from being voided, as any credit note does', async () => {
    const { account, now } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z', asNote).reopen()
    await expect(account.move(now().id, 'void')).rejects.toMatchObject({
      detail: expect.stringContaining('It has credit notes'),
    })
  })

  it('adds up with adjustments to what is used, whatever comes in which order', async () => {
    const step = fc.record({
      quantity: fc.constantFrom('-40', '-7', '-0.333', '0.5', '12', '60'),
      asCreditNote: fc.boolean(),
      months: fc.constantFrom(0, 0, 1),
      pays: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const { account, now } = await longAgo()
        let used = decimal('120')
        let month = 5
        for (const [i, { quantity, asCreditNote, months, pays }] of steps.entries()) {
          if (pays && now().status === 'issued') await account.move(now().id, 'paid')
          used = used.plus(quantity)
          account.correct(`c${i}`, quantity, '2026-01-05T00:00Z', { asCreditNote }).reopen()
          month += months
          account.closeUntil(Date.UTC(2026, month, 15))
        }
        account.closeUntil(Date.UTC(2027, 3, 15))
        const given = sum(notes(account).map(({ subtotal }) => decimal(subtotal)))
        const added = sum(adjustmentsOf(account.invoices()).map(({ amount }) => decimal(amount)))
        // Less than nothing costs nothing.
        const rated = used.lt('0') ? decimal('0') : used
        expect(decimal('120').plus(added).minus(given).toFixed(2)).toBe(rated.toFixed(2))
      }),
      { numRuns: 60 },
    )
  })
})
