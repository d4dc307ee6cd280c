import { describe, expect, it } from 'vitest'
import type { AdjustmentLine, Invoice } from '../../../src/billing/invoices/invoice.ts'
import { decimal, sum } from '../../../src/kernel/decimal.ts'
import { CustomerAccount, DAY_MS, meter } from '../customer-account.ts'

const graduated = {
  model: 'graduated',
  tiers: [
    { up_to: '100', unit_amount: '1' },
    { up_to: null, unit_amount: '0.10' },
  ],
}
const terms = { prices: [{ meter: 'calls', price: graduated }] }

const adjustmentsOf = ({ lines }: Invoice) =>
  lines.filter((line): line is AdjustmentLine => line.kind === 'adjustment')
const adjusted = (invoice: Invoice) =>
  adjustmentsOf(invoice).map(
    ({ adjusts, quantity, ratedQuantity, amount }) =>
      `INV-${adjusts.number} line ${adjusts.line}: ${quantity} (${ratedQuantity}) ${amount}`,
  )
const billedUnits = (account: CustomerAccount) =>
  sum(
    account
      .invoices()
      .filter(({ status }) => status !== 'void')
      .flatMap(({ lines }) => lines)
      .flatMap((line) =>
        line.kind === 'usage' || line.kind === 'adjustment' ? [decimal(line.quantity)] : [],
      ),
  ).toFixed()

/** January is issued with 90 calls of 1.00. */
async function january(anotherPlan = terms) {
  const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', terms).plan('other', anotherPlan)
  const { id } = await account.subscribe({ plan: 'pro' })
  account.use('90', '2026-01-05T00:00Z').closeUntil('2026-02-05T00:00Z')
  return { account, id }
}

describe('events that come after the invoice of their period', () => {
  it.each([
    ['more, over a bound of its tiers', '30', '30 (120) 12.00'],
    ['more, at the price of its own tier', '5', '5 (95) 5.00'],
    ['less', '-20', '-20 (70) -20.00'],
  ])('are an adjustment of its line, rated with the whole of that period: %s', async (_, quantity, line) => {
    const { account, id } = await january()
    account.use(quantity, '2026-01-31T23:00Z').use('7', '2026-02-06T00:00Z')
    account.closeUntil('2026-03-02T00:00Z')
    const [first, second] = account.invoices(id)
    expect(adjusted(second!)).toEqual([`INV-1 line 1: ${line}`])
    expect(adjustmentsOf(second!)[0]!.adjusts.invoiceId).toBe(first!.id)
    expect(second!.lines[0]).toMatchObject({ kind: 'usage', quantity: '7', amount: '7.00' })
    expect(first!.totals!.total).toBe('90.00')
  })

  it('are priced by the price of their period, whatever the plan is now', async () => {
    const { account, id } = await january({
      prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '50' } as never }],
    })
    await account.change(id, { plan: 'other', when: 'now' })
    account.use('5', '2026-01-31T23:00Z').closeUntil('2026-03-02T00:00Z')
    expect(adjusted(account.invoices(id)[1]!)).toEqual(['INV-1 line 1: 5 (95) 5.00'])
  })

  it('adjust twice, each time by what is not billed yet', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', {
      ...terms,
      interval: 'week',
    })
    const { id } = await account.subscribe({ plan: 'pro' })
    account.use('90', '2026-01-02T00:00Z').closeUntil('2026-01-06T00:00Z')
    account.use('30', '2026-01-03T00:00Z').closeUntil('2026-01-13T00:00Z')
    account.use('-40', '2026-01-03T00:00Z').closeUntil('2026-01-20T00:00Z')
    account.closeUntil('2026-01-27T00:00Z')
    expect(account.invoices(id).map(adjusted)).toEqual([
      [],
      ['INV-1 line 1: 30 (120) 12.00'],
      ['INV-1 line 1: -40 (80) -22.00'],
      [],
    ])
    expect(billedUnits(account)).toBe('80')
  })

  it('that leave the quantity as it was are no line', async () => {
    const { account, id } = await january()
    account.use('5', '2026-01-31T23:00Z').use('-5', '2026-01-30T00:00Z').closeUntil('2026-03-02T00:00Z')
    // There were more events, which is what the meter knows: the line says so, and costs nothing.
    expect(adjusted(account.invoices(id)[1]!)).toEqual(['INV-1 line 1: 0 (90) 0.00'])
    account.closeUntil('2026-04-02T00:00Z')
    expect(adjusted(account.invoices(id)[2]!)).toEqual([])
  })

  it('can’t change a period any more once it is final', async () => {
    const { account, id } = await january()
    account.closeUntil('2026-04-02T00:00Z')
    account.use('5', '2026-01-31T23:00Z').closeUntil('2026-05-02T00:00Z')
    expect(account.invoices(id).flatMap(adjusted)).toEqual([])
    expect(account.invoices(id)[0]!.usageFinal).toBe(true)
  })

  it('are looked for once more after the last of them could come', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', { ...terms, interval: 'quarter' })
    const { id } = await account.subscribe({ plan: 'pro' })
    account.closeUntil('2026-05-06T00:00Z').use('5', '2026-03-31T23:00Z').closeUntil('2026-07-02T00:00Z')
    expect(account.invoices(id).map(adjusted)).toEqual([[], ['INV-1 line 1: 5 (5) 5.00']])
  })

  it('are adjusted again when the invoice that adjusted them is voided, and billed once', async () => {
    const { account, id } = await january()
    account.use('30', '2026-01-31T23:00Z').closeUntil('2026-03-02T00:00Z')
    await account.move(account.invoices(id)[1]!.id, 'void')
    account.closeUntil('2026-04-02T00:00Z')
    expect(account.invoices(id).map(adjusted)).toEqual([
      [],
      ['INV-1 line 1: 30 (120) 12.00'],
      ['INV-1 line 1: 30 (120) 12.00'],
    ])
    expect(billedUnits(account)).toBe('120')
  })

  it('are billed once when an invoice is voided long after all of them were final', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z').plan('pro', { ...terms, interval: 'week' })
    const { id } = await account.subscribe({ plan: 'pro' })
    account.use('90', '2026-01-02T00:00Z').closeUntil('2026-01-06T00:00Z')
    account.use('30', '2026-01-03T00:00Z').closeUntil('2026-01-13T00:00Z')
    account.use('10', '2026-01-03T00:00Z').closeUntil('2026-01-20T00:00Z')
    account.closeUntil('2026-06-01T12:00Z')
    expect(
      account
        .invoices(id)
        .filter(({ sequence }) => sequence < 5)
        .every(({ usageFinal }) => usageFinal),
    ).toBe(true)
    await account.move(account.invoices(id)[2]!.id, 'void')
    account.closeUntil('2026-07-01T00:00Z')
    expect(account.invoices(id).flatMap(adjusted)).toEqual([
      'INV-1 line 1: 30 (120) 12.00',
      'INV-1 line 1: 10 (130) 1.00',
      'INV-1 line 1: 10 (130) 1.00',
    ])
    expect(billedUnits(account)).toBe('130')
  })

  it('of an hour that a change divides adjust the part that they are in', async () => {
    const account = new CustomerAccount('2026-01-01T00:00Z')
      .plan('pro', terms)
      .plan('other', { prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '2' } }] })
    const { id } = await account.subscribe({ plan: 'pro' })
    await account.at('2026-01-10T10:30Z').change(id, { plan: 'other', when: 'now' })
    account.closeUntil('2026-02-02T00:00Z').use('1', '2026-01-10T09:59Z').use('3', '2026-01-10T10:00Z')
    account.closeUntil('2026-03-02T00:00Z')
    expect(adjusted(account.invoices(id)[1]!)).toEqual([
      'INV-1 line 1: 1 (1) 1.00',
      'INV-1 line 2: 3 (3) 6.00',
    ])
  })

  it('of a group adjust its own line, and those of the rest the rest’s', async () => {
    const groups = [{ match: { model: 'large' }, price: { model: 'per_unit', unit_amount: '3' } }]
    const account = new CustomerAccount('2026-01-01T00:00Z', {
      meters: [meter('calls', 'sum', ['model'])],
    }).plan('pro', { prices: [{ meter: 'calls', groups, price: { model: 'per_unit', unit_amount: '1' } }] })
    const { id } = await account.subscribe({ plan: 'pro' })
    account.closeUntil('2026-02-02T00:00Z')
    account.use('2', '2026-01-10T00:00Z', { groups: { model: 'large' } }).use('5', '2026-01-10T00:00Z')
    account.closeUntil('2026-03-02T00:00Z')
    expect(adjusted(account.invoices(id)[1]!)).toEqual([
      'INV-1 line 1: 2 (2) 6.00',
      'INV-1 line 2: 5 (5) 5.00',
    ])
  })

  it('of a gauge change all periods since that are billed', async () => {
    const account = new CustomerAccount('2026-04-01T00:00Z', { meters: [meter('gb', 'weighted_sum')] }).plan(
      'pro',
      { prices: [{ meter: 'gb', price: { model: 'per_unit', unit_amount: '1' } }] },
    )
    const { id } = await account.at('2026-04-16T00:00Z').subscribe({ plan: 'pro' })
    account.closeUntil('2026-05-02T00:00Z').use('100', '2026-04-16T00:00Z', { meter: 'gb' })
    account.closeUntil('2026-06-02T00:00Z')
    expect(adjusted(account.invoices(id)[1]!)).toEqual(['INV-1 line 1: 50 (50) 50.00'])
    expect(account.invoices(id)[1]!.lines[0]).toMatchObject({ quantity: '100', amount: '100.00' })
  })
})

describe('after a subscription’s end', () => {
  const ended = async () => {
    const { account, id } = await january()
    await account.cancel(id, 'now')
    return { account: account.closeUntil('2026-02-06T00:00Z'), id }
  }

  it('what came late is on one trailing invoice, when nothing more can come', async () => {
    const { account, id } = await ended()
    account.use('30', '2026-01-31T23:00Z').closeUntil('2026-02-20T00:00Z')
    account.use('1', '2026-02-05T00:00Z').closeUntil('2026-12-01T00:00Z')
    const [, last, trailing, ...others] = account.invoices(id)
    expect([last!.kind, trailing!.kind, others]).toEqual(['period', 'trailing', []])
    expect(adjusted(trailing!)).toEqual(['INV-1 line 1: 30 (120) 12.00', 'INV-2 line 1: 1 (1) 1.00'])
    expect(trailing!.issuedMs).toBe(last!.endMs + 36 * DAY_MS)
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
    expect(billedUnits(account)).toBe('121')
  })

  it('there is none where nothing came', async () => {
    const { account, id } = await ended()
    account.closeUntil('2026-12-01T00:00Z')
    expect(account.invoices(id).map(({ kind }) => kind)).toEqual(['period', 'period'])
    expect(account.invoices(id).every(({ usageFinal }) => usageFinal)).toBe(true)
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
  })

  it('a trailing invoice that is voided is made again', async () => {
    const { account, id } = await ended()
    account.use('30', '2026-01-31T23:00Z').closeUntil('2026-12-01T00:00Z')
    await account.move(account.invoices(id)[2]!.id, 'void')
    account.close()
    expect(account.invoices(id).map(({ kind, status }) => [kind, status])).toEqual([
      ['period', 'issued'],
      ['period', 'paid'],
      ['trailing', 'void'],
      ['trailing', 'issued'],
    ])
    expect(adjusted(account.invoices(id)[3]!)).toEqual(['INV-1 line 1: 30 (120) 12.00'])
    expect(billedUnits(account)).toBe('120')
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
  })
})
