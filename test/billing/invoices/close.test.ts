import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { CustomerAccount, HOUR_MS, meter } from '../customer-account.ts'

const price = { model: 'per_unit', unit_amount: '1' }
const base = (amount: string) => ({ key: 'base', amount })
const plans = (now: string, more: ConstructorParameters<typeof CustomerAccount>[1] = {}) =>
  new CustomerAccount(now, more)
    .plan('usage', { prices: [{ meter: 'calls', price }] })
    .plan('pro', { prices: [{ meter: 'calls', price }], fees: [base('31')] })
    .plan('trial', { prices: [{ meter: 'calls', price }], fees: [base('31')], trial_days: 14 })
    .plan('yearly', { prices: [{ meter: 'calls', price }], fees: [base('365')], interval: 'year' })

const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)
const shown = ({ sequence, kind, status, startMs, endMs, totals }: Invoice) =>
  `${sequence} ${kind} ${status} ${iso(startMs)} ${iso(endMs)} ${totals?.total ?? '–'}`
const invoices = (account: CustomerAccount) => account.invoices().map(shown)

describe('what is issued first', () => {
  it('is what is due in advance, at once; the first period follows', async () => {
    const account = plans('2026-01-15T14:20Z')
    const subscription = await account.subscribe({ plan: 'pro' })
    expect(invoices(account)).toEqual(['0 opening issued 2026-01-15T14:00 2026-01-15T14:00 17.00'])
    expect(subscription).toMatchObject({
      open: { startMs: Date.parse('2026-01-15T14:00Z'), endMs: Date.parse('2026-02-01T00:00Z') },
      nextSequence: 2,
    })
  })

  it('is the first period where nothing is due in advance', async () => {
    const account = plans('2026-01-15T14:20Z')
    await account.subscribe({ plan: 'usage' })
    expect(invoices(account)).toEqual([])
    account.use('3', '2026-01-20T00:00Z').closeUntil('2026-02-02T00:00Z')
    expect(invoices(account)).toEqual(['0 period issued 2026-01-15T14:00 2026-02-01T00:00 3.00'])
  })

  it('is a trial, at its end, with what is due in advance for the period after it; its usage is free', async () => {
    const account = plans('2026-01-15T14:20Z')
    const { id, trialEndMs } = await account.subscribe({ plan: 'trial' })
    expect([iso(trialEndMs!), invoices(account)]).toEqual(['2026-01-29T00:00', []])
    account.at('2026-01-28T23:00Z').use('5', '2026-01-28T22:00Z')
    expect(account.draft(id)).toMatchObject({ kind: 'opening', lines: [{ kind: 'fee', amount: '3.00' }] })
    account.at('2026-01-29T00:00Z').close()
    expect(invoices(account)).toEqual(['0 opening issued 2026-01-15T14:00 2026-01-29T00:00 3.00'])
    account.use('7', '2026-01-29T00:00Z').closeUntil('2026-02-02T00:00Z')
    expect(invoices(account)[1]).toBe('1 period issued 2026-01-29T00:00 2026-02-01T00:00 38.00')
  })

  it('of a start to come is issued when it begins', async () => {
    const account = plans('2026-01-15T14:20Z')
    await account.subscribe({ plan: 'pro', start: '2026-03-01T00:00:00Z' })
    account.at('2026-02-28T23:59Z').close()
    expect(invoices(account)).toEqual([])
    account.at('2026-03-01T00:00Z').close()
    expect(invoices(account)).toEqual(['0 opening issued 2026-03-01T00:00 2026-03-01T00:00 31.00'])
  })

  it('of a trial that was canceled is nothing to pay, and the last', async () => {
    const account = plans('2026-01-15T14:20Z')
    const { id } = await account.subscribe({ plan: 'trial' })
    await account.at('2026-01-20T10:30Z').cancel(id, 'now')
    account.closeUntil('2026-12-01T00:00Z')
    expect(invoices(account)).toEqual(['0 opening paid 2026-01-15T14:00 2026-01-20T11:00 0.00'])
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
  })

  it('of a trial that is canceled at its end is nothing to pay, too', async () => {
    const account = plans('2026-01-15T14:20Z')
    const { id } = await account.subscribe({ plan: 'trial' })
    const canceled = await account.at('2026-01-20T10:30Z').cancel(id, 'period_end')
    expect(iso(canceled.cancelAtMs!)).toBe('2026-01-29T00:00')
    account.closeUntil('2026-12-01T00:00Z')
    expect(invoices(account)).toEqual(['0 opening paid 2026-01-15T14:00 2026-01-29T00:00 0.00'])
  })
})

describe('closing', () => {
  it('waits for the grace, to the millisecond', async () => {
    const account = plans('2026-01-01T00:00Z')
    await account.subscribe({ plan: 'usage' })
    account.at(Date.parse('2026-02-01T01:00Z') - 1).close()
    expect(invoices(account)).toEqual([])
    account.at('2026-02-01T01:00Z').close()
    expect(invoices(account)).toHaveLength(1)
  })

  it('catches up, period by period, and bills each for itself', async () => {
    const account = plans('2026-05-20T10:00Z')
    const { id } = await account.subscribe({ plan: 'pro', start: '2026-01-15T14:00:00Z' })
    account.use('2', '2026-05-01T00:00Z').use('1', '2026-04-30T23:00Z').close()
    expect(invoices(account)).toEqual([
      '0 opening issued 2026-01-15T14:00 2026-01-15T14:00 17.00',
      '1 period issued 2026-01-15T14:00 2026-02-01T00:00 31.00',
      '2 period issued 2026-02-01T00:00 2026-03-01T00:00 31.00',
      '3 period issued 2026-03-01T00:00 2026-04-01T00:00 31.00',
      '4 period issued 2026-04-01T00:00 2026-05-01T00:00 32.00',
    ])
    expect(account.draft(id).totals!.total).toBe('33.00')
  })

  it('decided twice from the same account is written once', async () => {
    const account = plans('2026-01-01T00:00Z')
    await account.subscribe({ plan: 'pro' })
    account.at('2026-02-01T01:00Z').use('3', '2026-01-20T00:00Z')
    const [one, other] = [account.decide(), account.decide()]
    const ids = (change: typeof one) => ({
      ...change,
      invoices: change.invoices.map((invoice) => ({ ...invoice, id: '' })),
      subscriptions: change.subscriptions.map((subscription) => ({ ...subscription, open: null })),
    })
    expect(ids(one)).toEqual(ids(other))
    expect([account.write(one).length, account.write(other).length]).toEqual([1, 0])
    account.close()
    expect(invoices(account)).toHaveLength(2)
  })

  it('lets two subscriptions that are due at once draw on one grant only what there is', async () => {
    const account = plans('2026-01-01T00:00Z', { meters: [meter('calls'), meter('seats')] })
      .plan('seats', { fees: [base('10')] })
      .plan('support', { fees: [base('20')] })
    const grant = await account.grant({ amount: '25' })
    await account.subscribe({ plan: 'seats', start: '2026-02-01T00:00:00Z' })
    await account.subscribe({ plan: 'support', start: '2026-02-01T00:00:00Z' })
    account.at('2026-02-01T00:00Z').write(account.decide())
    expect(account.invoices().map(({ totals }) => totals!.amountDue)).toEqual(['0.00', '5.00'])
    expect(account.remaining(grant.id)).toBe('0')
  })

  it('takes what has expired of a grant off the ledger, once', async () => {
    const account = plans('2026-01-01T00:00Z')
    await account.subscribe({ plan: 'usage' })
    const grant = await account.grant({ amount: '25.5', expires_at: '2026-01-31T00:00:00Z' })
    account.use('7', '2026-01-05T00:00Z').closeUntil('2026-04-02T00:00Z')
    expect(account.entries().map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'grant 25.50',
      'expire -25.50',
    ])
    expect(account.remaining(grant.id)).toBe('0')
    expect(account.invoices()[0]!.totals!.amountDue).toBe('7.00')
  })

  it('makes credit of a total below zero, which the next invoice draws on', async () => {
    const account = plans('2026-01-01T00:00Z').plan('large', { fees: [base('310')] })
    const { id } = await account.subscribe({ plan: 'large' })
    await account.at('2026-01-11T00:00Z').change(id, { plan: 'pro', when: 'now' })
    account.use('5', '2026-02-11T00:00Z').closeUntil('2026-03-02T00:00Z')
    expect(
      account.invoices().map(({ status, totals }) => [status, totals!.total, totals!.amountDue]),
    ).toEqual([
      ['issued', '310.00', '310.00'],
      ['paid', '-158.00', '0.00'],
      ['paid', '36.00', '0.00'],
    ])
    expect(account.grants().map(({ amount, source }) => [amount, source])).toEqual([
      ['158.00', account.invoices()[1]!.id],
    ])
    expect(account.remaining(account.grants()[0]!.id)).toBe('122')
  })

  it('counts a coupon where it took something off, and not elsewhere', async () => {
    const account = plans('2026-01-01T00:00Z').coupon('twice', { percentOff: '50', periods: 2 })
    const { id } = await account.subscribe({ plan: 'usage', coupons: ['twice'] })
    for (const month of ['02', '03', '04']) account.use('10', `2026-${month}-10T00:00Z`)
    account.closeUntil('2026-05-02T00:00Z')
    expect(account.invoices().map(({ totals }) => totals!.total)).toEqual(['0.00', '5.00', '5.00', '10.00'])
    expect(account.subscriptions.get(id)!.coupons).toEqual([{ coupon: 'twice', used: 2 }])
  })

  it('follows a change of interval at the period’s end, from there on', async () => {
    const account = plans('2026-01-01T00:00Z')
    const { id } = await account.subscribe({ plan: 'pro', anchor: 'anniversary' })
    await account.at('2026-01-20T00:00Z').change(id, { plan: 'yearly', when: 'period_end' })
    account.closeUntil('2027-02-02T00:00Z')
    expect(invoices(account)).toEqual([
      '0 opening issued 2026-01-01T00:00 2026-01-01T00:00 31.00',
      '1 period issued 2026-01-01T00:00 2026-02-01T00:00 365.00',
      '2 period issued 2026-02-01T00:00 2027-02-01T00:00 365.00',
    ])
  })

  it('goes on as it was where a change of interval to come is taken back: from the 31st on, not from the 30th', async () => {
    const account = plans('2026-03-31T00:00Z')
    const { id } = await account.subscribe({ plan: 'pro', anchor: 'anniversary' })
    await account.change(id, { plan: 'yearly', when: 'period_end' })
    await account.change(id, { plan: 'pro', when: 'period_end' })
    account.closeUntil('2026-06-02T00:00Z')
    expect(invoices(account)).toEqual([
      '0 opening issued 2026-03-31T00:00 2026-03-31T00:00 31.00',
      '1 period issued 2026-03-31T00:00 2026-04-30T00:00 31.00',
      '2 period issued 2026-04-30T00:00 2026-05-31T00:00 31.00',
    ])
  })

  it('follows a change of interval to the calendar of the new one, with a first period that is cut', async () => {
    const account = plans('2026-01-01T00:00Z')
    const { id } = await account.subscribe({ plan: 'pro' })
    await account.at('2026-01-20T00:00Z').change(id, { plan: 'yearly', when: 'period_end' })
    account.closeUntil('2027-01-02T00:00Z')
    expect(invoices(account).slice(1)).toEqual([
      '1 period issued 2026-01-01T00:00 2026-02-01T00:00 334.00',
      '2 period issued 2026-02-01T00:00 2027-01-01T00:00 365.00',
    ])
  })

  it('bills daily periods, and in the tenant’s zone', async () => {
    const account = new CustomerAccount('2026-03-27T23:00Z', { timezone: 'Europe/Berlin' }).plan('daily', {
      prices: [{ meter: 'calls', price }],
      interval: 'day',
    })
    await account.subscribe({ plan: 'daily' })
    account.use('1', '2026-03-28T22:00Z').use('2', '2026-03-28T23:00Z').use('4', '2026-03-29T22:00Z')
    account.closeUntil('2026-03-31T00:00Z')
    expect(invoices(account)).toEqual([
      '0 period issued 2026-03-27T23:00 2026-03-28T23:00 1.00',
      '1 period issued 2026-03-28T23:00 2026-03-29T22:00 2.00',
      '2 period issued 2026-03-29T22:00 2026-03-30T22:00 4.00',
    ])
  })

  it('gives every invoice a number, in the order in which they are issued', async () => {
    const account = plans('2026-01-01T00:00Z')
    await account.subscribe({ plan: 'pro' })
    account.closeUntil('2026-04-02T00:00Z')
    expect(account.invoices().map(({ number }) => number)).toEqual([1, 2, 3, 4])
    expect(account.invoices()[1]!.issuedMs! - account.invoices()[1]!.endMs).toBe(HOUR_MS)
  })
})
