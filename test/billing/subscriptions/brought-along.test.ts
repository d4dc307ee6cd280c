import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { invoiceJson } from '../../../src/billing/invoices/invoice-json.ts'
import { subscriptionJson } from '../../../src/billing/subscriptions/subscription-input.ts'
import { invoicePage } from '../../../src/http/invoice-page/page.ts'
import { textOf } from '../../invoice-page/read-page.ts'
import { aZone, localClock, localDay } from '../calendars.ts'
import { CustomerAccount, DAY_MS, HOUR_MS, meter } from '../customer-account.ts'

const price = { model: 'per_unit', unit_amount: '1' }
const base = (due = 'advance') => [{ key: 'base', amount: '31', due }]
const plans = (now: string | number, timezone = 'UTC') =>
  new CustomerAccount(typeof now === 'number' ? new Date(now).toISOString() : now, {
    timezone,
    meters: [meter('calls')],
  })
    .plan('month', { fees: base(), prices: [{ meter: 'calls', price }] })
    .plan('quarter', { fees: base(), interval: 'quarter' })
    .plan('year', { fees: base(), interval: 'year' })
    .plan('week', { fees: base(), interval: 'week' })
    .plan('day', { prices: [{ meter: 'calls', price }], interval: 'day' })
    .plan('usage', { prices: [{ meter: 'calls', price }] })

const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)
const wrong = (pointer: string, detail: string) => ({
  code: 'validation_failed',
  issues: [{ pointer, detail: expect.stringContaining(detail) }],
})
const spans = (account: CustomerAccount, id: string) =>
  account.invoices(id).map(({ kind, startMs, endMs }) => `${kind} ${iso(startMs)} ${iso(endMs)}`)
const fees = (account: CustomerAccount, id: string) =>
  account
    .invoices(id)
    .flatMap(({ lines }) =>
      lines.flatMap((line) =>
        line.kind === 'fee' ? [`[${line.fromDay}, ${line.toDay}) of ${line.ofDays}: ${line.amount}`] : [],
      ),
    )

describe('a billing anchor', () => {
  it('is what periods are counted from, and the first one lasts from the start to the first boundary', async () => {
    const account = plans('2026-01-21T10:20Z')
    const { id } = await account.subscribe({ plan: 'month', billing_anchor: '2024-01-31' })
    account.closeUntil('2026-04-30T02:00Z')
    expect(spans(account, id)).toEqual([
      'opening 2026-01-21T10:00 2026-01-21T10:00',
      'period 2026-01-21T10:00 2026-01-31T00:00',
      'period 2026-01-31T00:00 2026-02-28T00:00',
      'period 2026-02-28T00:00 2026-03-31T00:00',
      'period 2026-03-31T00:00 2026-04-30T00:00',
    ])
    expect(fees(account, id)).toEqual([
      '[21, 31) of 31: 10.00',
      '[0, 28) of 28: 31.00',
      '[0, 31) of 31: 31.00',
      '[0, 30) of 30: 31.00',
      '[0, 31) of 31: 31.00',
    ])
  })

  it('with a time has periods that begin with its hour, and days that do', async () => {
    const account = plans('2026-03-20T10:20Z', 'Europe/Berlin')
    const { id } = await account.subscribe({ plan: 'month', billing_anchor: '2025-12-15T13:40:00Z' })
    // Clocks go forward on 29 March: 14:00 is an hour sooner.
    account.closeUntil('2026-05-15T13:00Z')
    expect(spans(account, id).slice(1)).toEqual([
      'period 2026-03-20T10:00 2026-04-15T12:00',
      'period 2026-04-15T12:00 2026-05-15T12:00',
    ])
    // 11:00 on 20 March is on the day that began on 19 March at 14:00.
    expect(fees(account, id)[0]).toBe('[4, 31) of 31: 27.00')
    expect(subscriptionJson(account.subscriptions.get(id)!, account.nowMs, 'Europe/Berlin')).toMatchObject({
      anchor: 'anniversary',
      billing_anchor: '2025-12-15T13:00:00.000Z',
    })
    await account.change(id, { plan: 'year', when: 'period_end' })
    account.closeUntil('2026-06-15T13:00Z')
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2027-06-15T12:00')
    await account.at('2026-06-20T10:00Z').change(id, { plan: 'week', when: 'now', invoice: 'now' })
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2026-06-26T12:00')
    // The day of the change is of the new plan, and of no other: from 19 June at 14:00 on.
    expect(account.invoices(id).at(-1)!.lines).toMatchObject([
      { kind: 'proration', fromDay: 4, toDay: 365, ofDays: 365 },
      { kind: 'fee', fromDay: 0, toDay: 7 },
    ])
  })

  it.each([
    // Within the day that began on 30 November at 14:00, on its first instant, and on the day after.
    ['2026-12-01T08:00Z', '30 Nov 2026 – 29 Dec 2026'],
    ['2026-11-30T14:00Z', '30 Nov 2026 – 29 Dec 2026'],
    ['2026-12-01T14:00Z', '1 Dec 2026 – 29 Dec 2026'],
    ['2026-12-02T13:00Z', '1 Dec 2026 – 29 Dec 2026'],
  ])(
    'with a time has the same days on the page in advance and when they are corrected: from %s',
    async (now, days) => {
      const account = plans(now)
      const { id } = await account.subscribe({ plan: 'month', billing_anchor: '2026-11-30T14:00:00Z' })
      const textAt = (invoice: Invoice) =>
        textOf(invoicePage(invoice, { name: 'Acme', timezone: 'UTC' }, account.nowMs)).replaceAll(
          '\u00a0',
          ' ',
        )
      expect(textAt(account.invoices(id)[0]!)).toContain(`${days} · plan month`)
      expect(invoiceJson(account.invoices(id)[0]!, account.nowMs).lines[0]).not.toHaveProperty('fullStartMs')
      await account.at('2026-12-10T08:00Z').change(id, { plan: 'quarter', when: 'now', invoice: 'now' })
      expect(textAt(account.invoices(id)[1]!)).toContain(
        '9 Dec 2026 – 29 Dec 2026 · plan month · billed in advance',
      )
    },
  )

  it('stays through a trial, and a change in it', async () => {
    const account = plans('2026-01-05T00:00Z')
    const { id } = await account.subscribe({ plan: 'week', trial_days: 10, billing_anchor: '2020-06-20' })
    await account.change(id, { plan: 'month', when: 'now' })
    account.closeUntil('2026-01-20T02:00Z')
    expect(spans(account, id)).toEqual([
      'opening 2026-01-05T00:00 2026-01-15T00:00',
      'period 2026-01-15T00:00 2026-01-20T00:00',
    ])
  })

  it('is refused where it says nothing, or another thing than the anchor', async () => {
    const account = plans('2026-01-05T00:00Z')
    for (const [input, detail] of [
      [{ billing_anchor: '2026-02-30' }, '2026-02 has the days 01 to 28'],
      [{ billing_anchor: '0026-02-03' }, 'must be in a year from 1900 to 2199'],
      [{ billing_anchor: '2026-02-03', anchor: 'calendar' }, 'must not come together with the anchor'],
    ] as const)
      await expect(account.subscribe({ plan: 'month', ...input })).rejects.toThrow(detail)
    expect(account.subscriptions.size).toBe(0)
  })
})

describe('what was before bill_from', () => {
  it('is history: the first invoice is of the period that begins there, and what was used before is not billed', async () => {
    const account = plans('2026-01-21T10:20Z').use('5', '2026-01-15T09:00Z').use('7', '2026-01-15T10:00Z')
    const { id } = await account.subscribe({
      plan: 'month',
      start: '2019-03-15T10:00:00Z',
      billing_anchor: '2019-03-15T10:00:00Z',
      bill_from: '2026-01-15T10:00:00Z',
    })
    expect(spans(account, id)).toEqual(['opening 2026-01-15T10:00 2026-01-15T10:00'])
    account.use('3', '2026-01-14T00:00Z').closeUntil('2026-02-15T11:00Z')
    expect(spans(account, id)[1]).toBe('period 2026-01-15T10:00 2026-02-15T10:00')
    expect(fees(account, id)).toEqual(['[0, 31) of 31: 31.00', '[0, 28) of 28: 31.00'])
    expect(account.invoices(id)[1]!.lines[0]).toMatchObject({ kind: 'usage', quantity: '7' })
    expect(account.closeUntil('2026-06-01T00:00Z').invoices(id)[2]!.lines[0]!.kind).toBe('usage')
    expect(
      account
        .invoices(id)
        .flatMap(({ lines }) => lines)
        .some(({ kind }) => kind === 'adjustment'),
    ).toBe(false)
  })

  it('may be yet to come: until then nothing is billed, whatever is changed', async () => {
    const brought = async (plan: string) => {
      const account = plans('2026-01-21T10:20Z').use('5', '2026-01-20T00:00Z')
      const input = { plan, start: '2019-03-31', anchor: 'anniversary', bill_from: '2026-01-31' }
      const { id } = await account.subscribe(input)
      return { account, id }
    }
    for (const plan of ['month', 'usage']) {
      const { account, id } = await brought(plan)
      expect(
        account
          .draft(id)
          .lines.filter(({ kind }) => kind === 'usage')
          .every((line) => line.kind === 'usage' && line.quantity === '0'),
      ).toBe(true)
      await account.change(id, { plan: 'year', when: 'now', invoice: 'now' })
      expect(account.invoices(id)).toEqual([])
      account.closeUntil('2026-02-01T00:00Z')
      expect(spans(account, id)).toEqual(['opening 2026-01-31T00:00 2026-01-31T00:00'])
      expect(fees(account, id)).toEqual(['[0, 365) of 365: 31.00'])
      expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2027-01-31T00:00')
    }
    for (const plan of ['month', 'usage'])
      for (const when of ['now', 'period_end'] as const) {
        const { account, id } = await brought(plan)
        await account.cancel(id, when)
        account.closeUntil('2026-06-01T00:00Z')
        expect(account.invoices(id).map(({ status, number }) => [status, number])).toEqual([['void', null]])
        expect(account.subscriptions.get(id)).toMatchObject({ dueMs: null, open: null })
        expect(iso(account.subscriptions.get(id)!.cancelAtMs!)).toBe(
          when === 'now' ? '2026-01-21T11:00' : '2026-01-31T00:00',
        )
      }
  })

  it('ends there at the latest, also where a change gave it another calendar', async () => {
    const brought = async () => {
      const account = plans('2026-12-01T00:00Z')
      const { id } = await account.subscribe({ plan: 'month', start: '2025-01-01', bill_from: '2027-03-01' })
      await account.at('2027-01-15T00:00Z').change(id, { plan: 'year', when: 'now' })
      return { account, id }
    }
    const { account, id } = await brought()
    expect(iso((await account.cancel(id, 'period_end')).cancelAtMs!)).toBe('2027-03-01T00:00')
    account.closeUntil('2028-06-01T00:00Z')
    expect(account.invoices(id).map(({ status, number }) => [status, number])).toEqual([['void', null]])

    const other = await brought()
    await other.account.change(other.id, { plan: 'month', when: 'period_end' })
    other.account.closeUntil('2027-03-01T00:00Z')
    expect(fees(other.account, other.id)).toEqual(['[0, 31) of 31: 31.00'])
    expect(iso(other.account.subscriptions.get(other.id)!.open!.endMs)).toBe('2027-04-01T00:00')
  })

  it.each(['now', 'period_end'] as const)(
    'begins with the plan that there is then: a change that went with a cancellation, %s, leaves nothing of it',
    async (when) => {
      const account = plans('2026-12-10T00:00Z')
      const { id } = await account.subscribe({ plan: 'usage', start: '2025-01-01', bill_from: '2027-01-01' })
      const { open } = account.subscriptions.get(id)!
      await account.change(id, { plan: 'quarter', when: 'period_end' })
      account.at('2026-12-10T01:00Z')
      await account.cancel(id, when)
      await account.reactivate(id)
      expect(account.subscriptions.get(id)!.open).toEqual(open)
      account.closeUntil('2027-03-01T02:00Z')
      expect(spans(account, id)).toEqual([
        'period 2027-01-01T00:00 2027-02-01T00:00',
        'period 2027-02-01T00:00 2027-03-01T00:00',
      ])
      expect(fees(account, id)).toEqual([])
    },
  )

  it('leaves the meters to another subscription that prices them until then', async () => {
    const account = plans('2026-01-21T10:20Z')
    const old = await account.subscribe({ plan: 'usage' })
    await account.cancel(old.id, 'period_end')
    const input = { plan: 'usage', start: '2020-01-01', bill_from: '2026-02-01' }
    expect((await account.subscribe(input)).billFromMs).toBe(Date.parse('2026-02-01'))
  })

  it('has to be where a period begins: the refusal names the boundaries around it', async () => {
    const account = plans('2026-01-21T10:20Z', 'America/New_York')
    const old = { plan: 'month', start: '2019-03-31', anchor: 'anniversary' }
    const around =
      'must be where a period begins, such as 2025-12-31T05:00:00.000Z or 2026-01-31T05:00:00.000Z'
    for (const [input, detail] of [
      [{}, 'must be there, as the start is more than 366 days ago'],
      [{}, 'such as 2025-12-31T05:00:00.000Z, when its present period began, or 2026-01-31T05:00:00.000Z'],
      [{ bill_from: '2026-01-30' }, around],
      [{ bill_from: '2026-01-01' }, around],
      [{ bill_from: '2025-01-01' }, 'must be at most 366 days back'],
      [{ bill_from: '2018-01-01' }, 'must be at most 366 days back'],
      [{ bill_from: '2027-02-28' }, 'must be at most 366 days ahead'],
      [
        { bill_from: '2025-06-15', start: '2025-06-01', trial_days: 30 },
        'such as 2025-06-01T04:00:00.000Z or 2025-07-01T04:00:00.000Z',
      ],
    ] as const)
      await expect(account.subscribe({ ...old, ...input })).rejects.toMatchObject(
        wrong('#/bill_from', detail),
      )
    expect(account.subscriptions.size).toBe(0)
    const { id } = await account.subscribe({ ...old, bill_from: '2025-12-31' })
    expect(iso(account.subscriptions.get(id)!.open!.endMs)).toBe('2026-01-31T05:00')
  })

  it('that is refused names instants that are taken, and no other', async () => {
    const years = () => plans('2026-11-28T00:00Z').plan('years', { interval: 'year', interval_count: 3 })
    const old = { plan: 'years', start: '2024-01-01', anchor: 'anniversary' }
    for (const [input, named] of [
      [{}, ['2027-01-01']],
      [{ bill_from: '2024-01-01' }, ['2027-01-01']],
      [{ bill_from: '2026-06-01' }, ['2027-01-01']],
      [{ bill_from: '2027-06-01' }, ['2027-01-01']],
      [{ bill_from: '2029-06-01' }, ['2027-01-01']],
      [{ plan: 'month', bill_from: '2026-06-15' }, ['2026-06-01', '2026-07-01']],
      [{ plan: 'month' }, ['2026-11-01', '2026-12-01']],
      // All of it is one trial yet.
      [{ start: '2025-06-01', trial_days: 700 }, ['2027-05-02']],
    ] as const) {
      const refusal = await years()
        .subscribe({ ...old, ...input })
        .catch((error) => error)
      const told = refusal.issues[0].detail.match(/\d{4}-\d\d-\d\dT[\d:.]+Z/g)
      expect(told).toEqual(named.map((day) => `${day}T00:00:00.000Z`))
      for (const bill_from of told) await years().subscribe({ ...old, ...input, bill_from })
    }
  })

  it('is nothing where it is not sent, or is before the start', async () => {
    for (const bill_from of [undefined, '2025-10-01', '2025-11-15']) {
      const account = plans('2026-01-21T10:20Z')
      const { id, billFromMs } = await account.subscribe({ plan: 'usage', start: '2025-11-15', bill_from })
      expect(billFromMs).toBeUndefined()
      expect(spans(account.closeAtOnce(), id)).toEqual([
        'period 2025-11-15T00:00 2025-12-01T00:00',
        'period 2025-12-01T00:00 2026-01-01T00:00',
      ])
    }
  })

  it('costs no work for each period before it, however many there were', async () => {
    const account = plans('2026-01-21T10:20Z', 'Europe/Berlin')
    for (let n = 0; n < 300; n++) {
      const input = {
        plan: 'day',
        start: `19${10 + (n % 90)}-03-15`,
        bill_from: '2026-01-21',
        customer_id: 'alice',
      }
      const { id } = await account.subscribe(input)
      account.closeUntil(account.nowMs)
      expect(account.invoices(id)).toEqual([])
      account.subscriptions.delete(id)
      account.all.clear()
    }
  })
})

describe('subscriptions that are brought along', () => {
  const months = { month: 1, quarter: 3, year: 12 }
  /** The date so many months after another; the last of the month where it lacks the day. */
  const later = (date: string, by: number): string => {
    const [year, month, day] = date.split('-').map(Number) as [number, number, number]
    const count = year * 12 + month - 1 + by
    const last = new Date(Date.UTC(Math.floor(count / 12), (count % 12) + 1, 0)).getUTCDate()
    return `${Math.floor(count / 12)}-${String((count % 12) + 1).padStart(2, '0')}-${String(Math.min(day, last)).padStart(2, '0')}`
  }

  it('have their next invoice of exactly the period that is theirs', async () => {
    await fc.assert(
      fc.asyncProperty(
        aZone,
        fc.constantFrom('month', 'quarter', 'year'),
        fc.record({
          year: fc.integer({ min: 2005, max: 2025 }),
          day: fc.constantFrom(
            '01-31',
            '02-28',
            '02-29',
            '03-30',
            '04-30',
            '08-31',
            '12-31',
            '06-15',
            '11-01',
          ),
          hour: fc.constantFrom(null, 0, 1, 2, 3, 14, 23),
        }),
        fc.integer({ min: Date.UTC(2025, 11, 1) / HOUR_MS, max: Date.UTC(2029, 0, 1) / HOUR_MS }),
        fc.boolean(),
        async (zone, plan, { year, day, hour }, nowHour, ahead) => {
          const date = new Date(`${year}-${day}T00:00Z`).toISOString().slice(0, 10)
          const time = `${String(hour ?? 0).padStart(2, '0')}:00:00`
          const account = plans(nowHour * HOUR_MS, zone)
          fc.pre(Date.parse(date) + DAY_MS <= account.nowMs)
          // The first instant at which clocks show the anchor's time, or a later one.
          const begins = (on: string) => {
            let ms = Date.parse(`${on}T${time}Z`) - 15 * HOUR_MS
            while (`${localDay(zone, ms)} ${localClock(zone, ms)}` < `${on} ${time}`) ms += HOUR_MS / 4
            return ms
          }
          const passed = Math.floor(
            (account.nowMs - Date.parse(date)) / (30.4368 * DAY_MS) / months[plan as 'month'],
          )
          let k = passed - 2
          while (begins(later(date, (k + 1) * months[plan as 'month'])) <= account.nowMs) k++
          // An anchor that the zone's clocks skip on its day is none that anybody could send.
          fc.pre(localClock(zone, begins(date)) === time || hour === null || hour === 0)
          // And one at which a day begins that lacks its midnight is that day's, not an hour's.
          fc.pre(hour === null || hour === 0 || localDay(zone, begins(date) - 1) === date)
          const from = begins(later(date, (k + (ahead ? 1 : 0)) * months[plan as 'month']))
          const to = begins(later(date, (k + (ahead ? 2 : 1)) * months[plan as 'month']))
          const anchor = hour === null ? date : new Date(begins(date)).toISOString()
          const { id } = await account.subscribe({
            plan,
            start: anchor,
            billing_anchor: anchor,
            bill_from: new Date(from).toISOString(),
          })
          account.closeUntil(to + HOUR_MS)
          expect(spans(account, id)).toEqual([
            `opening ${iso(from)} ${iso(from)}`,
            `period ${iso(from)} ${iso(to)}`,
          ])
          expect(account.invoices(id).map(({ totals }) => totals!.total)).toEqual(['31.00', '31.00'])
        },
      ),
      {
        numRuns: 600,
        examples: [['Australia/Lord_Howe', 'month', { year: 2005, day: '11-01', hour: 2 }, 514_264, true]],
      },
    )
  }, 60_000)
})

describe('a subscription with an external id', () => {
  const input = {
    external_id: 'sub_1',
    plan: 'month',
    start: '2026-01-01T00:00:00Z',
    coupons: ['half'],
    metadata: { crm: '7', a: 'b' },
  }
  const once = async () => {
    const account = plans('2026-01-21T10:20Z').coupon('half', { percentOff: '50' })
    return { account, made: await account.subscribe(input) }
  }

  it('that is sent again is the one that there is, also when it has changed, and however it is written', async () => {
    const { account, made } = await once()
    await account.change(made.id, { plan: 'week', when: 'now' })
    account.plan('month', { fees: base('arrears') })
    account.at('2026-02-21T10:20Z')
    for (const again of [
      input,
      { ...input, start: '2026-01-01T01:30:00+01:00', metadata: { a: 'b', crm: '7' } },
      { ...input, start: '2026-01-01', anchor: 'calendar', overrides: [] },
    ])
      expect((await account.subscribe(again)).id).toBe(made.id)
    expect(account.subscriptions.size).toBe(1)
  })

  it('and another content is a conflict that names what is another', async () => {
    const { account, made } = await once()
    for (const [more, fields] of [
      [{ plan: 'week' }, ['plan']],
      [{ version: 1 }, ['version']],
      [{ start: undefined, trial_days: 3 }, ['start', 'trial_days']],
      [{ customer_id: 'bob', bill_from: '2026-02-01' }, ['customer_id', 'bill_from']],
      [{ billing_anchor: '2026-01-31' }, ['anchor', 'billing_anchor']],
      [{ coupons: [], metadata: {} }, ['coupons', 'metadata']],
    ] as const) {
      const error = await account.subscribe({ ...input, ...more }).catch((error) => error)
      expect([
        error.code,
        error.issues.map(({ pointer }: { pointer: string }) => pointer.slice(2)).sort(),
      ]).toEqual(['already_exists', [...fields].sort()])
      expect(error.detail).toContain(made.id)
    }
  })
})
