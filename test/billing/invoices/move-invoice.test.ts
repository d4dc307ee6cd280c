import { describe, expect, it } from 'vitest'
import type { Move } from '../../../src/billing/invoices/move-invoice.ts'
import { CustomerAccount } from '../customer-account.ts'

const price = { model: 'per_unit', unit_amount: '1' }
const subscribed = async (input: object = {}) => {
  const account = new CustomerAccount('2026-01-01T00:00Z')
    .plan('pro', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '31' }] })
    .plan('large', { prices: [{ meter: 'calls', price }], fees: [{ key: 'base', amount: '310' }] })
    .plan('usage', {
      prices: [{ meter: 'calls', price }],
      fees: [{ key: 'late', amount: '5', due: 'arrears' }],
    })
    .coupon('once', { amountOff: '1', currency: 'USD', periods: 1 })
  const grant = await account.grant({ amount: '10' })
  const { id } = await account.subscribe({ plan: 'pro', ...input })
  const of = (sequence: number) => account.invoices(id)[sequence]!
  return { account, id, of, grant }
}

describe('an issued invoice', () => {
  it('moves once, and again to where it is', async () => {
    for (const to of ['paid', 'uncollectible', 'void'] as Move[]) {
      const { account, of } = await subscribed()
      expect((await account.move(of(0).id, to)).status).toBe(to)
      expect((await account.at('2026-01-02T00:00Z').move(of(0).id, to)).movedMs).toBe(
        Date.parse('2026-01-01T00:00Z'),
      )
      for (const other of (['paid', 'uncollectible', 'void'] as Move[]).filter((one) => one !== to))
        await expect(account.move(of(0).id, other)).rejects.toMatchObject({
          code: 'state_conflict',
          detail: expect.stringContaining(`The invoice can’t become ${other}. It is ${to} already`),
        })
    }
  })

  it('is a draft before, and a draft does not move', async () => {
    const { account, id } = await subscribed()
    await expect(account.move(account.draft(id).id, 'paid')).rejects.toMatchObject({
      code: 'state_conflict',
      detail: expect.stringContaining('It is a draft'),
    })
  })
})

describe('an invoice that is voided', () => {
  it('gives back the credit and the coupon that it took', async () => {
    const { account, id, of, grant } = await subscribed({ coupons: ['once'] })
    expect([account.remaining(grant.id), account.subscriptions.get(id)!.coupons[0]!.used]).toEqual(['0', 1])
    await account.move(of(0).id, 'void')
    expect([account.remaining(grant.id), account.subscriptions.get(id)!.coupons[0]!.used]).toEqual(['10', 0])
    expect(account.entries().map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'grant 10.00',
      'draw -10.00',
      'return 10.00',
    ])
  })

  it('leaves its fees in advance to the invoice of their period, and no credit for what was never billed', async () => {
    const { account, id, of } = await subscribed()
    await account.move(of(0).id, 'void')
    await account.at('2026-01-11T10:00Z').cancel(id, 'now')
    account.closeUntil('2026-01-12T00:00Z')
    expect(of(1).lines.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['usage', '0.00'],
      ['proration', '11.00'],
    ])
  })

  it('gives up the usage of its period for good, also what comes late; no other invoice bills it', async () => {
    const { account, id, of } = await subscribed({ plan: 'usage' })
    account.use('7', '2026-01-05T00:00Z').closeUntil('2026-02-02T00:00Z')
    expect(of(0).totals!.total).toBe('12.00')
    await account.move(of(0).id, 'void')
    account.use('100', '2026-01-31T00:00Z').use('2', '2026-02-03T00:00Z').closeUntil('2026-03-05T00:00Z')
    await account.cancel(id, 'now')
    account.closeUntil('2026-12-01T00:00Z')
    expect(
      account.invoices(id).map(({ kind, status, totals }) => `${kind} ${status} ${totals!.total}`),
    ).toEqual(['period void 12.00', 'period paid 7.00', 'period paid 0.81'])
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
  })

  it('is refused while a later one corrects it, by days or by late usage', async () => {
    const { account, id, of } = await subscribed()
    await account.at('2026-01-11T10:00Z').change(id, { plan: 'large', when: 'now' })
    account.closeUntil('2026-02-02T00:00Z').use('5', '2026-01-15T00:00Z').closeUntil('2026-03-02T00:00Z')
    for (const [sequence, by] of [
      [0, 1],
      [1, 2],
    ] as const)
      await expect(account.move(of(sequence).id, 'void')).rejects.toMatchObject({
        code: 'state_conflict',
        detail: expect.stringContaining(`The later invoice ${of(by).id} corrects what it bills`),
      })
    await account.move(of(2).id, 'void')
    const usage = await subscribed({ plan: 'usage' })
    usage.account.use('50', '2026-01-05T00:00Z')
    usage.account
      .closeUntil('2026-02-02T00:00Z')
      .use('5', '2026-01-15T00:00Z')
      .closeUntil('2026-03-02T00:00Z')
    for (const sequence of [1, 0]) await usage.account.move(usage.of(sequence).id, 'void')
  })

  it('is refused of a period’s invoice that gives back what was billed in advance before: that would be lost', async () => {
    const { account, id, of } = await subscribed()
    await account.at('2026-01-11T10:00Z').change(id, { plan: 'large', when: 'now' })
    account.closeUntil('2026-02-02T00:00Z')
    expect(of(1).lines.some(({ kind, amount }) => kind === 'proration' && amount === '-21.00')).toBe(true)
    await expect(account.move(of(1).id, 'void')).rejects.toMatchObject({
      code: 'state_conflict',
      detail: expect.stringContaining(
        'It gives back what earlier invoices billed in advance, and that would be lost. To give something back, make a credit note',
      ),
    })
    expect((await account.note(of(1).id, { lines: [{ line: 3 }] })).settlement).toBe('invoice')
  })

  it('is refused of one with credit notes: they stay, and another takes back the rest', async () => {
    const { account, id, of } = await subscribed()
    await account.note(of(0).id, { amount: '5' })
    await expect(account.move(of(0).id, 'void')).rejects.toMatchObject({
      code: 'state_conflict',
      detail: expect.stringContaining('It has credit notes, which stay. Take back the rest by another one'),
    })
    expect(account.invoices(id)[0]!.status).toBe('issued')
    await account.note(of(0).id, { amount: '16' })
    expect(of(0)).toMatchObject({ status: 'paid', totals: { amountDue: '0.00' } })
  })

  it('may be voided when what follows went as it was billed', async () => {
    const { account, of } = await subscribed()
    account.closeUntil('2026-03-02T00:00Z')
    expect((await account.move(of(0).id, 'void')).status).toBe('void')
    expect(
      account
        .closeUntil('2026-04-02T00:00Z')
        .invoices()
        .map(({ totals }) => totals!.total),
    ).toEqual(['31.00', '31.00', '31.00', '31.00'])
  })
})
