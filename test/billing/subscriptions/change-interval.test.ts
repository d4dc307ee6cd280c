import { describe, expect, it, vi } from 'vitest'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { CustomerAccount } from '../customer-account.ts'

const per = (unit_amount: string) => ({ meter: 'calls', price: { model: 'per_unit', unit_amount } })
const fee = (amount: string, due = 'advance') => ({ key: 'base', amount, due })
const plans = (now: string, more: ConstructorParameters<typeof CustomerAccount>[1] = {}) =>
  new CustomerAccount(now, more)
    .plan('monthly', { fees: [fee('31')], prices: [per('1')] })
    .plan('large', { fees: [fee('62')], prices: [per('2')] })
    .plan('larger', { fees: [fee('310')] })
    .plan('yearly', { fees: [fee('365')], prices: [per('3')], interval: 'year' })
    .plan('arrears', { fees: [fee('31', 'arrears')], prices: [per('1')] })
    .plan('quarterly', { fees: [fee('93')], interval: 'quarter' })
    .coupon('half', { percentOff: '50' })
    .coupon('first', { amountOff: '10', currency: 'USD', periods: 1 })

const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)
const shown = (invoice: Invoice) => [
  `${invoice.kind} [${iso(invoice.startMs)}, ${iso(invoice.endMs)})`,
  ...invoice.lines.map((line) =>
    line.kind === 'usage'
      ? `${line.quantity} calls: ${line.amount}`
      : line.kind === 'adjustment'
        ? `late ${line.quantity}: ${line.amount}`
        : `${line.kind} ${line.plan} [${line.fromDay}, ${line.toDay}) of ${line.ofDays}: ${line.amount}`,
  ),
]
const from = '2026-01-01T00:00Z'
const whole = ['opening [2026-01-01T00:00, 2026-01-01T00:00)', 'fee monthly [0, 31) of 31: 31.00']

describe('a change to another interval now', () => {
  const story = async (invoice: 'now' | 'next', anchor = 'anniversary') => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly', anchor })
    account.at('2026-01-11T10:30Z').use('5', '2026-01-10T10:00Z').use('7', '2026-01-11T10:05Z')
    await account.change(id, { plan: 'yearly', when: 'now', invoice })
    return { account, id }
  }
  const closed = [
    'period [2026-01-01T00:00, 2026-01-11T10:00)',
    '5 calls: 5.00',
    'proration monthly [10, 31) of 31: -21.00',
    'fee yearly [0, 365) of 365: 365.00',
  ]

  it('ends the period with this hour, gives back the rest of its fee, and bills the new one from this day on', async () => {
    const { account, id } = await story('next')
    expect(account.invoices(id).map(shown)).toEqual([whole])
    account.closeUntil('2026-01-11T11:00Z')
    expect(account.invoices(id).map(shown)).toEqual([whole, closed])
    expect(account.draft(id)).toMatchObject({
      startMs: Date.parse('2026-01-11T10:00Z'),
      endMs: Date.parse('2027-01-11T00:00Z'),
    })
    expect(shown(account.draft(id))[1]).toBe('7 calls: 21.00')
    account.closeUntil('2027-01-11T02:00Z')
    expect(account.invoices(id)).toHaveLength(3)
  })

  it('issues it at once if that is asked for, and what comes late is adjusted by the next invoice', async () => {
    const { account, id } = await story('now')
    expect(account.invoices(id).map(shown)).toEqual([whole, closed])
    account.use('2', '2026-01-11T09:00Z')
    const { lines } = account.closeUntil('2027-01-11T02:00Z').invoices(id).at(-1)!
    expect(lines.filter(({ kind }) => kind === 'adjustment')).toMatchObject([
      { quantity: '2', amount: '2.00' },
    ])
  })

  it('adjusts late usage of the closed period', async () => {
    const { account, id } = await story('now')
    account.use('2', '2026-01-11T09:00Z')
    await account.at('2026-01-20T00:00Z').change(id, { plan: 'monthly', when: 'now', invoice: 'now' })
    expect(shown(account.invoices(id).at(-1)!)).toEqual([
      'period [2026-01-11T10:00, 2026-01-20T00:00)',
      '7 calls: 21.00',
      'proration yearly [9, 365) of 365: -356.00',
      'late 2: 2.00',
      'fee monthly [0, 31) of 31: 31.00',
    ])
    // Below zero it becomes credit, as every invoice does.
    expect(account.invoices(id).at(-1)!.totals).toMatchObject({
      total: '-302.00',
      amountDue: '0.00',
      creditGranted: '302.00',
    })
  })

  it('lasts to the end of the calendar’s year, where periods are those of the calendar', async () => {
    const { account, id } = await story('now', 'calendar')
    expect(shown(account.invoices(id).at(-1)!).at(-1)).toBe('fee yearly [10, 365) of 365: 355.00')
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2027-01-01T00:00')
  })

  it('that is taken back in the same hour leaves the period as it was', async () => {
    const { account, id } = await story('next')
    await account.change(id, { plan: 'monthly', when: 'now' })
    account.closeUntil('2026-02-01T01:00Z')
    expect(account.invoices(id).map(shown)).toEqual([
      whole,
      ['period [2026-01-01T00:00, 2026-02-01T00:00)', '12 calls: 12.00', 'fee monthly [0, 28) of 28: 31.00'],
    ])
  })

  it.each(['now', 'next'] as const)(
    'in the hour that the period began in gives all of its fee back (invoice: %s)',
    async (invoice) => {
      const account = plans(from)
      const { id } = await account.subscribe({ plan: 'monthly', anchor: 'anniversary' })
      await account.at('2026-01-01T00:20Z').change(id, { plan: 'yearly', when: 'now', invoice })
      if (invoice === 'next') await account.change(id, { plan: 'quarterly', when: 'now' })
      account.closeUntil('2026-01-01T01:00Z')
      const advance =
        invoice === 'now' ? 'fee yearly [0, 365) of 365: 365.00' : 'fee quarterly [0, 90) of 90: 93.00'
      expect(account.invoices(id).map(shown)).toEqual([
        whole,
        ['period [2026-01-01T00:00, 2026-01-01T00:00)', 'proration monthly [0, 31) of 31: -31.00', advance],
      ])
      expect(iso(account.subscriptions.get(id)!.open!.startMs)).toBe('2026-01-01T00:00')
      await account.at('2026-01-05T00:00Z').change(id, { plan: 'large', when: 'now', invoice: 'now' })
      expect(account.invoices(id)).toHaveLength(3)
    },
  )

  it('that is sent again in the same hour is the same, also where the period is empty', async () => {
    const account = plans('2026-10-15T00:00Z')
    const { id } = await account.subscribe({ plan: 'monthly', anchor: 'anniversary' })
    account.closeUntil('2026-12-01T10:05Z')
    await account.change(id, { plan: 'yearly', when: 'now', invoice: 'now' })
    account.at('2026-12-01T10:10Z')
    const { phases } = await account.change(id, { plan: 'monthly', when: 'now' })
    expect(phases.at(-1)).toMatchObject({ anchorDate: '2026-12-01', beginsPeriod: true })
    const draft = shown(account.draft(id))
    account.at('2026-12-01T10:11Z')
    expect((await account.change(id, { plan: 'monthly', when: 'now' })).phases).toEqual(phases)
    expect(shown(account.draft(id))).toEqual(draft)
    expect(draft.at(-1)).toBe('fee monthly [0, 31) of 31: 31.00')
    await account.change(id, { plan: 'quarterly', when: 'now' })
    // Back to what ran before this hour, by another: its calendar goes on.
    const back = await account.change(id, { plan: 'monthly', when: 'now' })
    expect(back.phases.at(-1)).toMatchObject({ anchorDate: '2026-10-15', beginsPeriod: true })
  })

  it('is made while the job is behind, and each period is invoiced all the same', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'arrears', anchor: 'anniversary' })
    await account.at('2026-03-11T10:30Z').change(id, { plan: 'quarterly', when: 'now' })
    account.closeAtOnce()
    expect(account.at('2026-03-11T11:00Z').closeAtOnce().invoices(id).map(shown)).toEqual([
      ['period [2026-01-01T00:00, 2026-02-01T00:00)', '0 calls: 0.00', 'fee arrears [0, 31) of 31: 31.00'],
      ['period [2026-02-01T00:00, 2026-03-01T00:00)', '0 calls: 0.00', 'fee arrears [0, 28) of 28: 31.00'],
      [
        'period [2026-03-01T00:00, 2026-03-11T10:00)',
        '0 calls: 0.00',
        'fee arrears [0, 10) of 31: 10.00',
        'fee quarterly [0, 92) of 92: 93.00',
      ],
    ])
    const behind = plans(from)
    const other = await behind.subscribe({ plan: 'arrears', anchor: 'anniversary' })
    await behind.at('2026-03-11T10:30Z').change(other.id, { plan: 'quarterly', when: 'now', invoice: 'now' })
    expect(behind.invoices(other.id).map(shown)).toEqual(account.invoices(id).map(shown))
    const daily = plans(from).plan('daily', { fees: [fee('1', 'arrears')], interval: 'day' })
    const { id: late } = await daily.subscribe({ plan: 'daily' })
    await expect(
      daily.at('2026-03-11T10:30Z').change(late, { plan: 'quarterly', when: 'now', invoice: 'now' }),
    ).rejects.toMatchObject({
      code: 'state_conflict',
      detail: expect.stringContaining('still to be invoiced'),
    })
  })

  it('is refused of a subscription that is to end: it would bill the new fee for a part, and the rest a period late', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly', anchor: 'anniversary' })
    await account.cancel(id, 'period_end')
    account.at('2026-01-11T00:00Z')
    for (const invoice of ['now', 'next'])
      await expect(account.change(id, { plan: 'yearly', when: 'now', invoice })).rejects.toMatchObject({
        code: 'state_conflict',
        detail:
          'The subscription ends on 2026-02-01T00:00:00.000Z, and this change would begin another period. Reactivate it first: POST /api/v1/subscriptions/{id}/reactivate.',
      })
    await account.change(id, { plan: 'large', when: 'now', invoice: 'now' })
    await account.reactivate(id)
    await account.change(id, { plan: 'yearly', when: 'now', invoice: 'now' })
    expect(shown(account.invoices(id).at(-1)!).at(-1)).toBe('fee yearly [0, 365) of 365: 365.00')
  })
})

describe('a change that is invoiced at once', () => {
  it('bills what it makes due by days, with coupons, tax and credit, and the period’s own invoice bills no more of it', async () => {
    const account = plans(from)
    account.taxRates = [{ name: 'VAT', percent: '10' }]
    const { id } = await account.subscribe({ plan: 'monthly', coupons: ['half'] })
    await account.grant({ amount: '5' })
    await account.at('2026-01-11T10:30Z').change(id, { plan: 'large', when: 'now', invoice: 'now' })
    const change = account.invoices(id)[1]!
    expect(shown(change)).toEqual([
      'change [2026-01-11T10:00, 2026-02-01T00:00)',
      'proration monthly [10, 31) of 31: -10.50',
      'proration large [10, 31) of 31: 42.00',
    ])
    // 42.00 less half of it, less 10.50; and a tenth of that.
    expect(change).toMatchObject({
      status: 'issued',
      number: 2,
      totals: { total: '11.55', amountDue: '6.55' },
    })
    expect(account.subscriptions.get(id)!.coupons).toEqual([{ coupon: 'half', used: 2 }])
    account.closeUntil('2026-02-01T01:00Z')
    expect(account.invoices(id).slice(2).map(shown)).toEqual([
      [
        'period [2026-01-01T00:00, 2026-02-01T00:00)',
        '0 calls: 0.00',
        '0 calls: 0.00',
        'fee large [0, 28) of 28: 62.00',
      ],
    ])
  })

  it('is given back as it was paid, when another change follows', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly', coupons: ['first'] })
    await account.at('2026-01-11T10:30Z').change(id, { plan: 'large', when: 'now', invoice: 'now' })
    await account.at('2026-01-21T10:30Z').cancel(id, 'now')
    account.closeUntil('2026-02-01T01:00Z')
    expect(account.invoices(id).map(({ totals }) => totals!.total)).toEqual([
      '21.00',
      // Of 31.00 − 10.00 the days from the 11th on: 21.00 − 6.77. And 42.00 for the new plan.
      '27.77',
      // Of which 10 days are over when it ends, or 11 with the last.
      '-20.00',
    ])
  })

  it('is left to the period’s invoice where it comes to nothing or less', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'large' })
    await account.at('2026-01-11T10:30Z').change(id, { plan: 'monthly', when: 'now', invoice: 'now' })
    expect(account.invoices(id)).toHaveLength(1)
    expect(account.grants()).toEqual([])
    account.closeUntil('2026-02-01T01:00Z')
    expect(shown(account.invoices(id)[1]!)).toContain('proration large [10, 31) of 31: -42.00')
  })

  it('makes nothing due in a trial, before the start, and at the period’s end', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly', trial_days: 14 })
    await account.at('2026-01-05T00:00Z').change(id, { plan: 'yearly', when: 'now', invoice: 'now' })
    const { id: later } = await plans(from).subscribe({ plan: 'monthly', start: '2026-02-01' })
    expect(later).toBeDefined()
    expect(account.invoices()).toEqual([])
    account.closeUntil('2026-01-16T00:00Z')
    await account.at('2026-01-20T00:00Z').change(id, { plan: 'larger', when: 'now' })
    account.closeUntil('2026-01-31T00:00Z')
    const issued = account.invoices().length
    await account.at('2026-02-01T00:30Z').change(id, { plan: 'monthly', when: 'period_end', invoice: 'now' })
    expect(account.invoices()).toHaveLength(issued)
  })

  it('has to be voided before what it corrects, and leaves the days to the period’s invoice then', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly' })
    await account.at('2026-01-11T10:30Z').change(id, { plan: 'large', when: 'now', invoice: 'now' })
    await account.at('2026-01-21T10:30Z').change(id, { plan: 'larger', when: 'now', invoice: 'now' })
    const [opening, first, second] = account.invoices(id)
    const corrected = { code: 'state_conflict', detail: expect.stringContaining('corrects what it bills') }
    await expect(account.move(opening!.id, 'void')).rejects.toMatchObject(corrected)
    await expect(account.move(first!.id, 'void')).rejects.toMatchObject(corrected)
    await account.move(second!.id, 'void')
    await account.move(first!.id, 'void')
    account.closeUntil('2026-02-01T01:00Z')
    const prorations = account.invoices(id)[3]!.lines.filter(({ kind }) => kind === 'proration')
    // 31.00 were paid: 10 days of the small one, 10 of the large one, 11 of the largest one are due.
    expect(prorations.reduce((all, { amount }) => all + Number(amount), 0)).toBe(10 + 20 + 110 - 31)
    await expect(account.move(opening!.id, 'void')).rejects.toMatchObject(corrected)
  })

  it('bills the whole fee after its first invoice was voided, and all of them may be', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly' })
    await account.move(account.invoices(id)[0]!.id, 'void')
    await account.at('2026-01-11T10:30Z').change(id, { plan: 'large', when: 'now', invoice: 'now' })
    expect(account.invoices(id)[1]!.totals!.total).toBe('52.00')
    await account.move(account.invoices(id)[1]!.id, 'void')
    account.closeUntil('2026-02-01T01:00Z')
    expect(account.invoices(id)[2]!.totals!.subtotal).toBe(`${52 + 62}.00`)
  })

  it.each([
    ['large', 'now', '2026-01-11T10:30Z'],
    ['yearly', 'now', '2026-01-11T10:30Z'],
    ['yearly', 'now', '2026-01-01T00:30Z'],
    ['yearly', 'now', '2026-02-01T00:30Z'],
    ['large', 'now', '2026-03-01T00:30Z'],
    ['large', 'period_end', '2026-01-11T10:30Z'],
  ] as const)('is previewed as it is issued: to %s, %s, at %s', async (plan, when, at) => {
    for (const invoice of ['now', 'next'] as const) {
      const account = plans(from)
      account.taxRates = [{ name: 'VAT', percent: '19' }]
      const { id } = await account.subscribe({ plan: 'monthly', coupons: ['half', 'first'] })
      await account.grant({ amount: '7' })
      account.use('5', '2026-01-01T00:00Z').use('7', '2026-01-11T10:05Z').at(at)
      const before = account.invoices(id).length
      const preview = await account.preview(id, { plan, when, invoice })
      expect(account.invoices(id)).toHaveLength(before)
      await account.change(id, { plan, when, invoice })
      const told = ({ lines, totals, kind, startMs, endMs }: Invoice) => ({
        kind,
        startMs,
        endMs,
        lines,
        totals,
      })
      expect(preview.issued.map(told)).toEqual(account.invoices(id).slice(before).map(told))
      if (when === 'now' && invoice === 'now') expect(preview.issued.length).toBeGreaterThan(0)
      else expect(preview.issued).toEqual([])
      expect(told(preview.invoice)).toEqual(told(account.draft(id)))
      expect(preview.subscription.phases).toEqual(account.subscriptions.get(id)!.phases)
    }
  })

  it('previews nothing that adjusts what it would issue, also where an event arrives meanwhile', async () => {
    const account = plans(from)
    const { id } = await account.subscribe({ plan: 'monthly', anchor: 'anniversary' })
    account.at('2026-01-11T10:30Z').use('5', '2026-01-10T10:00Z')
    const known = account.usageOf
    let reads = 0
    const read = vi.spyOn(account, 'usageOf').mockImplementation((span) => {
      const usage = known(span)
      if (reads++ === 0) account.use('2', '2026-01-10T11:00Z')
      return usage
    })
    const { issued, invoice } = await account.preview(id, { plan: 'yearly', when: 'now', invoice: 'now' })
    expect(read.mock.calls.length).toBeGreaterThan(1)
    expect(issued.map(shown)[0]).toContain('5 calls: 5.00')
    expect(invoice.lines.filter(({ kind }) => kind === 'adjustment')).toEqual([])
  })
})
