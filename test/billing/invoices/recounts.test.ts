import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AdjustmentLine, Invoice } from '../../../src/billing/invoices/invoice.ts'
import { CORRECTIONS_NAMED } from '../../../src/billing/invoices/recount.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { CustomerAccount, meter } from '../customer-account.ts'

const price = {
  model: 'graduated',
  tiers: [
    { up_to: '100', unit_amount: '1' },
    { up_to: null, unit_amount: '0.10' },
  ],
}
const terms = { prices: [{ meter: 'calls', price }] }

const adjustmentsOf = ({ lines }: Invoice) =>
  lines.filter((line): line is AdjustmentLine => line.kind === 'adjustment')
const adjusted = (invoice: Invoice) =>
  adjustmentsOf(invoice).map(
    ({ adjusts, quantity, amount, corrections }) =>
      `INV-${adjusts.number} line ${adjusts.line}: ${quantity} for ${amount}, by ${corrections?.join() ?? 'nobody knows'}`,
  )
const amountOf = (invoices: Invoice[]) =>
  sum(invoices.flatMap(adjustmentsOf).map(({ amount }) => decimal(amount))).toFixed()

/** January is issued with 120 calls for 102.00, and it is May: no late event reaches January. */
async function longAgo(more: { meters?: ReturnType<typeof meter>[]; plan?: object } = {}) {
  const { meters, plan = terms } = more
  const account = new CustomerAccount('2026-01-01T00:00Z', meters && { meters }).plan('pro', plan)
  const { id } = await account.subscribe({ plan: 'pro' })
  account.use('120', '2026-01-05T00:00Z').closeUntil('2026-05-15T00:00Z')
  expect(account.invoices(id)[0]).toMatchObject({ usageFinal: true, number: 1 })
  return { account, id }
}

describe('usage that a correction changed after it was invoiced', () => {
  it('is an adjustment of the next invoice, however old it is, and names the correction', async () => {
    const { account, id } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z').closeUntil('2026-07-05T00:00Z')
    expect(account.invoices(id).map(adjusted)).toEqual([
      ...[[], [], [], []],
      ['INV-1 line 1: -30 for -12.00, by c1'],
      [],
    ])
    expect(account.invoices(id)[0]).toMatchObject({ usageFinal: true, totals: { total: '102.00' } })
    expect(account.invoices(id)[0]!.reopened).toBeUndefined()
  })

  it('is on the draft at once', async () => {
    const { account, id } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z').reopen()
    expect(adjusted(account.draft(id))).toEqual(['INV-1 line 1: -30 for -12.00, by c1'])
  })

  it('names every correction that reached the line, once', async () => {
    const { account, id } = await longAgo()
    account.correct('c1', '-30', '2026-01-05T00:00Z').correct('c2', '-1', '2026-01-09T00:00Z').reopen()
    account.correct('c1', '-2', '2026-01-20T00:00Z').correct('c3', '-5', '2026-02-02T00:00Z')
    account.closeUntil('2026-06-05T00:00Z')
    expect(adjusted(account.invoices(id)[4]!)).toEqual([
      'INV-1 line 1: -33 for -15.00, by c1,c2',
      'INV-2 line 1: -5 for 0.00, by c3',
    ])
  })

  it('names so many corrections at most, and bills all', async () => {
    const { account, id } = await longAgo()
    for (let i = 0; i < CORRECTIONS_NAMED + 20; i++) account.correct(`c${i}`, '-1', '2026-01-05T00:00Z')
    account.reopen()
    expect(account.all.get(account.invoices(id)[0]!.id)!.reopened).toHaveLength(CORRECTIONS_NAMED + 1)
    account.closeUntil('2026-06-05T00:00Z')
    const [line] = adjustmentsOf(account.invoices(id)[4]!)
    expect(line).toMatchObject({ quantity: '-120', amount: '-102.00' })
    expect(line!.corrections).toHaveLength(CORRECTIONS_NAMED)
  })

  it('leaves other meters of the invoice alone', async () => {
    const prices = [...terms.prices, { meter: 'gb', price: { model: 'per_unit', unit_amount: '1' } }]
    const { account, id } = await longAgo({ meters: [meter('calls'), meter('gb')], plan: { prices } })
    account.use('7', '2026-01-06T00:00Z', { meter: 'gb' }).correct('c1', '-30', '2026-01-05T00:00Z')
    account.closeUntil('2026-06-05T00:00Z')
    expect(adjusted(account.invoices(id)[4]!)).toEqual(['INV-1 line 1: -30 for -12.00, by c1'])
  })

  it('changes all periods since, where a gauge’s level changed', async () => {
    const plan = { prices: [{ meter: 'gb', price: { model: 'per_unit', unit_amount: '1' } }] }
    const { account, id } = await longAgo({ meters: [meter('calls'), meter('gb', 'weighted_sum')], plan })
    account
      .correct('c1', '10', '2026-02-01T00:00Z', { meter: 'gb', toMs: null })
      .closeUntil('2026-06-05T00:00Z')
    expect(adjusted(account.invoices(id)[4]!)).toEqual(
      [2, 3, 4].map((n) => `INV-${n} line 1: 10 for 10.00, by c1`),
    )
  })

  it('comes with late usage of the same line', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', terms)
    const { id } = await account.subscribe({ plan: 'pro' })
    account.use('90', '2026-01-05T00:00Z').closeUntil('2026-02-02T00:00Z')
    account.use('5', '2026-01-31T00:00Z').correct('c1', '-30', '2026-01-05T00:00Z')
    account.closeUntil('2026-04-02T00:00Z')
    expect(account.invoices(id).map(adjusted)).toEqual([[], ['INV-1 line 1: -25 for -25.00, by c1'], []])
  })

  it('is filled from the log, and names no correction', async () => {
    const { account, id } = await longAgo()
    account.correct(null, '30', '2026-01-05T00:00Z').closeUntil('2026-06-05T00:00Z')
    expect(adjusted(account.invoices(id)[4]!)).toEqual(['INV-1 line 1: 30 for 3.00, by nobody knows'])
  })

  it('is billed by nothing where the invoice is void', async () => {
    const { account, id } = await longAgo()
    await account.move(account.invoices(id)[0]!.id, 'void')
    account.correct('c1', '-30', '2026-01-05T00:00Z').closeUntil('2026-06-05T00:00Z')
    expect(account.invoices(id).flatMap(adjusted)).toEqual([])
  })

  it('is adjusted again, and named again, when the invoice that did it is voided', async () => {
    const { account, id } = await longAgo()
    account.use('200', '2026-05-20T00:00Z').correct('c1', '-30', '2026-01-05T00:00Z')
    account.closeUntil('2026-06-05T00:00Z')
    await account.move(account.invoices(id)[4]!.id, 'void')
    account.closeUntil('2026-08-05T00:00Z')
    expect(account.invoices(id).map(adjusted).slice(4)).toEqual([
      ['INV-1 line 1: -30 for -12.00, by c1'],
      ['INV-1 line 1: -30 for -12.00, by c1'],
      [],
    ])
  })
})

describe('after a subscription’s end', () => {
  const ended = async () => {
    const { account, id } = await longAgo()
    await account.cancel(id, 'now')
    account.closeUntil('2026-10-01T00:00Z')
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
    return { account, id, before: account.invoices(id).length }
  }

  it.each([
    ['more', '30', '3.00', '0.00'],
    ['less, which becomes credit', '-30', '-12.00', '12.00'],
  ])(
    'what a correction changed is an invoice of its own, at once: %s',
    async (_, quantity, amount, credit) => {
      const { account, id, before } = await ended()
      account.correct('c1', quantity, '2026-01-05T00:00Z').close()
      const [trailing, ...others] = account.invoices(id).slice(before)
      expect(others).toEqual([])
      expect(trailing!.kind).toBe('trailing')
      expect(trailing!.issuedMs).toBe(account.nowMs)
      expect(adjusted(trailing!)).toEqual([`INV-1 line 1: ${quantity} for ${amount}, by c1`])
      expect(trailing!.totals!.creditGranted).toBe(credit)
      expect(account.subscriptions.get(id)!.dueMs).toBeNull()
    },
  )

  it('there is none where nothing changed in all', async () => {
    const { account, id, before } = await ended()
    account.correct('c1', '-30', '2026-01-05T00:00Z').correct('c1', '30', '2026-01-05T00:00Z')
    account.close().closeUntil('2026-12-01T00:00Z')
    // The meter counted two events more, which is all that it can say.
    expect(amountOf(account.invoices(id).slice(before))).toBe('0')
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
  })
})

describe('a correction and its revert', () => {
  const quantities = fc.constantFrom('-120', '-30', '-0.5', '0.5', '17', '1000')
  const closings = fc.constantFrom(0, 1, 2)

  it('leave adjustments that come to nothing, whatever was billed between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ quantity: quantities, day: fc.integer({ min: 1, max: 31 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(closings, { minLength: 8, maxLength: 8 }),
        fc.boolean(),
        async (corrections, months, ends) => {
          const { account, id } = await longAgo()
          if (ends) await account.cancel(id, 'now')
          let month = 5
          const close = (n: number) => {
            month += n
            account.closeUntil(Date.UTC(2026, month, 15))
          }
          const at = (day: number) => `2026-01-${String(day).padStart(2, '0')}T00:00Z`
          for (const [i, { quantity, day }] of corrections.entries()) {
            account.correct(`c${i}`, quantity, at(day))
            close(months[i]!)
          }
          for (const [i, { quantity, day }] of corrections.entries()) {
            const back = quantity.startsWith('-') ? quantity.slice(1) : `-${quantity}`
            account.correct(`c${i}`, back, at(day))
            close(months[4 + i]!)
          }
          account.closeUntil(Date.UTC(2027, 11, 15))
          expect(amountOf(account.invoices(id))).toBe('0')
          const named = account.invoices(id).flatMap(adjustmentsOf)
          expect(named.every(({ corrections }) => corrections!.length > 0)).toBe(true)
          expect(account.invoices(id)[0]!.totals!.total).toBe('102.00')
        },
      ),
      { numRuns: 60 },
    )
  })
})
