import { describe, expect, it } from 'vitest'
import { statusOf } from '../../../src/billing/subscriptions/subscription.ts'
import { subscriptionJson } from '../../../src/billing/subscriptions/subscription-input.ts'
import { CustomerAccount, meter } from '../customer-account.ts'

const per = (meter: string, unit_amount = '1') => ({ meter, price: { model: 'per_unit', unit_amount } })
const base = (amount: string, due = 'advance') => ({ key: 'base', amount, due })
const plans = (now: string, more: ConstructorParameters<typeof CustomerAccount>[1] = {}) =>
  new CustomerAccount(now, { meters: [meter('calls'), meter('seats')], ...more })
    .plan('calls', { prices: [per('calls')] })
    .plan('seats', { prices: [per('seats')] })
    .plan('both', { prices: [per('calls'), per('seats')] })
    .plan('base', { fees: [base('31')] })
    .plan('yearly', { fees: [base('365')], interval: 'year' })
    .plan('yearly-arrears', { fees: [base('365', 'arrears')], interval: 'year' })
    .plan('euro', { fees: [base('31')] }, 'EUR')

const refused = (code: string, detail: string) => ({ code, detail: expect.stringContaining(detail) })
const wrong = (pointer: string, detail: string) => ({
  code: 'validation_failed',
  issues: [{ pointer, detail: expect.stringContaining(detail) }],
})
const iso = (ms: number | null) => ms !== null && new Date(ms).toISOString().slice(0, 16)

describe('a subscription', () => {
  it('is refused by name for what there is not, and for what does not fit', async () => {
    const account = plans('2026-01-15T10:20Z')
      .coupon('old', { percentOff: '10', archivedAt: new Date(0) })
      .coupon('euros', { amountOff: '10', currency: 'EUR' })
    for (const [input, pointer, detail] of [
      [{ plan: 'nope' }, '#/plan', 'must be the key of a plan; there is no "nope"'],
      [{ plan: 'base', version: 2 }, '#/version', 'must be from 1 to 1'],
      [{ plan: 'base', coupons: ['nope'] }, '#/coupons/0', 'must be the key of a coupon; there is no "nope"'],
      [{ plan: 'base', coupons: ['old'] }, '#/coupons/0', 'must be a coupon that is not archived'],
      [{ plan: 'base', coupons: ['euros'] }, '#/coupons/0', 'must be a coupon in USD'],
      [
        { plan: 'calls', overrides: [per('seats')] },
        '#/overrides/0/meter',
        'must be a meter that the plan prices',
      ],
      [{ plan: 'base', start: '2027-01-17T00:00:00Z' }, '#/start', 'must be at most 366 days ahead'],
    ] as const)
      await expect(account.subscribe(input)).rejects.toMatchObject(wrong(pointer, detail))
    await account.subscribe({ plan: 'base' })
    await expect(account.subscribe({ plan: 'euro' })).rejects.toMatchObject(
      wrong('#/plan', 'must be a plan in USD'),
    )
    expect(account.subscriptions.size).toBe(1)
  })

  it('begins with the hour of its start in the tenant’s zone', async () => {
    const account = plans('2026-01-15T10:20Z', { timezone: 'Asia/Kolkata' })
    expect(iso((await account.subscribe({ plan: 'calls' })).startMs)).toBe('2026-01-15T09:30')
  })

  it('stays on the version that it was given', async () => {
    const account = plans('2026-01-01T00:00Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    account.plan('calls', { prices: [per('calls', '5')] }).use('1', '2026-01-05T00:00Z')
    expect(account.at('2026-01-06T00:00Z').draft(id).totals!.total).toBe('1.00')
    await account.change(id, { plan: 'calls', when: 'now' })
    expect(account.subscriptions.get(id)!.phases.map(({ version }) => version)).toEqual([1, 2])
  })

  it('is scheduled, trialing, active, canceled', async () => {
    const account = plans('2026-01-01T00:00Z')
    const { id } = await account.subscribe({ plan: 'calls', start: '2026-02-01T00:00:00Z', trial_days: 7 })
    const status = (now: string) => statusOf(account.subscriptions.get(id)!, Date.parse(now))
    expect(['2026-01-31T23:00Z', '2026-02-01T00:00Z', '2026-02-08T00:00Z'].map(status)).toEqual([
      'scheduled',
      'trialing',
      'active',
    ])
    await account.closeUntil('2026-02-10T10:10Z').cancel(id, 'now')
    expect(['2026-02-10T10:59Z', '2026-02-10T11:00Z'].map(status)).toEqual(['active', 'canceled'])
  })
})

describe('one price a meter at a time', () => {
  it('holds for subscriptions that run, come, or have ended since', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    await account.subscribe({ plan: 'seats' })
    await expect(account.subscribe({ plan: 'both', start: '2026-12-01T00:00:00Z' })).rejects.toMatchObject(
      refused('already_priced', `subscription ${id} prices "calls" already, with no end`),
    )
    await account.at('2026-03-10T10:20Z').cancel(id, 'now')
    await expect(account.subscribe({ plan: 'calls' })).rejects.toMatchObject(
      refused('already_priced', 'prices "calls" already, until 2026-03-10T11:00:00.000Z'),
    )
    await account.subscribe({ plan: 'calls', start: '2026-03-10T11:00:00Z' })
  })

  it('holds for a start in the past, too, when the other one is done with', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    await account.at('2026-03-10T10:20Z').cancel(id, 'now')
    account.closeUntil('2026-12-01T00:00Z')
    expect(account.subscriptions.get(id)!.dueMs).toBeNull()
    await expect(account.subscribe({ plan: 'calls', start: '2026-03-10T10:00:00Z' })).rejects.toMatchObject(
      refused('already_priced', 'until 2026-03-10T11:00:00.000Z'),
    )
    await account.subscribe({ plan: 'calls', start: '2026-03-10T11:00:00Z' })
  })

  it('does not count one that was taken back before it began', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls', start: '2026-02-01T00:00:00Z' })
    await account.cancel(id, 'now')
    await account.at('2026-03-01T00:00Z').subscribe({ plan: 'calls', start: '2026-01-20T00:00:00Z' })
  })

  it('holds for changes and for cancellations that are taken back', async () => {
    const account = plans('2026-01-15T10:20Z')
    const calls = await account.subscribe({ plan: 'calls' })
    const seats = await account.subscribe({ plan: 'seats' })
    await expect(account.change(seats.id, { plan: 'both', when: 'period_end' })).rejects.toMatchObject(
      refused('already_priced', '"calls"'),
    )
    await account.cancel(calls.id, 'period_end')
    await account.change(seats.id, { plan: 'both', when: 'period_end' })
    await expect(account.reactivate(calls.id)).rejects.toMatchObject(refused('already_priced', '"calls"'))
  })

  it('bills every hour once where one ends and the next begins', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    await account.at('2026-01-20T10:20Z').cancel(id, 'now')
    await account.subscribe({ plan: 'calls', start: '2026-01-20T11:00:00Z' })
    account.use('1', '2026-01-20T10:59Z').at('2026-01-20T12:00Z').use('2', '2026-01-20T11:00Z')
    account.closeUntil('2026-02-02T00:00Z').use('4', '2026-01-20T10:00Z').use('8', '2026-01-20T11:30Z')
    account.closeUntil('2026-04-02T00:00Z')
    const lines = account.invoices().flatMap((invoice) => invoice.lines)
    const billed = lines.flatMap((line) => ('quantity' in line ? [[line.kind, line.quantity]] : []))
    expect(billed.filter(([, quantity]) => quantity !== '0').toSorted()).toEqual([
      ['adjustment', '4'],
      ['adjustment', '8'],
      ['usage', '1'],
      ['usage', '2'],
    ])
  })
})

describe('a change', () => {
  it('to another interval may wait for the period’s end', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'base' })
    const changed = await account.change(id, { plan: 'yearly', when: 'period_end' })
    expect(subscriptionJson(changed, account.nowMs, 'UTC')).toMatchObject({
      plan: 'base',
      scheduled_change: { at: '2026-02-01T00:00:00.000Z', plan: 'yearly', version: 1 },
    })
  })

  it('in the first hour makes the first period anew where nothing is billed yet', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    const changed = await account.change(id, { plan: 'yearly-arrears', when: 'now' })
    expect([changed.phases.length, iso(changed.open!.endMs)]).toEqual([1, '2027-01-01T00:00'])
    account.closeUntil('2027-01-02T00:00Z')
    expect(account.invoices(id).map(({ totals }) => totals!.total)).toEqual(['351.00'])
  })

  it('before the start opens the subscription with what is due in advance', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls', start: '2026-02-01T00:00:00Z' })
    await account.change(id, { plan: 'yearly', when: 'now' })
    account.closeUntil('2026-02-01T00:00Z')
    expect(account.invoices(id).map(({ kind, totals }) => [kind, totals!.total])).toEqual([
      ['opening', '334.00'],
    ])
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2027-01-01T00:00')
  })

  it('at the period’s end, before the start, is at the end of the first period', async () => {
    for (const plan of ['base', 'calls']) {
      const account = plans('2026-01-15T10:20Z')
      const { id } = await account.subscribe({ plan, start: '2026-02-10T00:00:00Z' })
      const { phases } = await account.change(id, { plan: 'both', when: 'period_end' })
      expect(phases.map(({ fromMs }) => iso(fromMs))).toEqual(['2026-02-10T00:00', '2026-03-01T00:00'])
    }
  })

  it('in a trial may have another interval, and is counted from the trial’s end', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'base', trial_days: 14, anchor: 'anniversary' })
    await account.at('2026-01-20T00:00Z').change(id, { plan: 'yearly', when: 'now' })
    account.closeUntil('2026-01-30T00:00Z')
    expect(account.invoices(id).map(({ totals }) => totals!.total)).toEqual(['365.00'])
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2027-01-29T00:00')
  })

  it('is refused after the end, and says how to go on', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    await account.cancel(id, 'period_end')
    await expect(account.change(id, { plan: 'both', when: 'period_end' })).rejects.toMatchObject(
      refused('state_conflict', 'Reactivate it first'),
    )
    account.at('2026-02-01T00:00Z')
    for (const late of [account.change(id, { plan: 'both', when: 'now' }), account.reactivate(id)])
      await expect(late).rejects.toMatchObject(refused('state_conflict', 'create another one'))
  })

  it('is refused to a plan in another currency', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'calls' })
    await expect(account.change(id, { plan: 'euro', when: 'now' })).rejects.toMatchObject(
      wrong('#/plan', 'must be a plan in USD'),
    )
  })
})

describe('a cancellation', () => {
  it('of what has not begun takes it back, without a trace in the numbers', async () => {
    const account = plans('2026-01-15T10:20Z')
    const { id } = await account.subscribe({ plan: 'base', start: '2026-02-01T00:00:00Z' })
    const canceled = await account.cancel(id, 'period_end')
    expect(subscriptionJson(canceled, account.nowMs, 'UTC')).toMatchObject({
      status: 'canceled',
      cancel_at: '2026-02-01T00:00:00.000Z',
      current_period: null,
      draft_invoice_id: null,
    })
    account.closeUntil('2026-03-01T00:00Z')
    expect([...account.all.values()].map(({ status, number }) => [status, number])).toEqual([['void', null]])
  })

  it('again is a success, also when it has ended', async () => {
    const account = plans('2026-01-15T10:20Z')
    const taken = await account.subscribe({ plan: 'base', start: '2026-02-01T00:00:00Z' })
    const ended = await account.subscribe({ plan: 'calls' })
    const first = [await account.cancel(taken.id, 'now'), await account.cancel(ended.id, 'now')]
    account.closeUntil('2026-12-01T00:00Z')
    const again = [await account.cancel(taken.id, 'now'), await account.cancel(ended.id, 'period_end')]
    expect(again.map(({ cancelAtMs }) => cancelAtMs)).toEqual(first.map(({ cancelAtMs }) => cancelAtMs))
  })
})
