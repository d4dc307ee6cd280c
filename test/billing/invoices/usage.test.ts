import { describe, expect, it } from 'vitest'
import type { Invoice } from '../../../src/billing/invoices/invoice.ts'
import { CustomerAccount, meter } from '../customer-account.ts'

const unit = (unit_amount: string) => ({ model: 'per_unit', unit_amount })
const tiers = {
  model: 'graduated',
  tiers: [
    { up_to: '100', unit_amount: '1' },
    { up_to: null, unit_amount: '0.10' },
  ],
}
const prices = (price: object, name = 'calls') => ({ prices: [{ meter: name, price }] })
const [january, tenth, eleventh, february] = [
  '2026-01-01T00:00Z',
  '2026-01-10T23:59Z',
  '2026-01-11T10:00Z',
  '2026-02-02T00:00Z',
]

/** Of each line of usage: which, from which day to which, how much, and what it costs. */
const usage = ({ lines }: Invoice) =>
  lines.flatMap((line) => {
    if (line.kind !== 'usage') return []
    const day = (ms: number) => new Date(ms).toISOString().slice(5, 13)
    const of = line.match === null ? '' : ` ${JSON.stringify(line.match)}`
    const what = line.price === null ? 'unpriced' : line.amount
    return [`${line.meter}${of} ${day(line.fromMs)}–${day(line.toMs)}: ${line.quantity} ${what}`]
  })

describe('lines of usage', () => {
  it('count what was used within the period, from its first hour to its last', async () => {
    const account = new CustomerAccount('2026-01-05T09:30Z').plan('pro', prices(unit('0.5')))
    const { id } = await account.subscribe({ plan: 'pro' })
    account.use('1', '2026-01-05T08:59Z').use('2', '2026-01-05T09:10Z')
    account.at('2026-02-01T00:30Z').use('3', '2026-01-31T23:59Z').use('5', '2026-02-01T00:00Z')
    account.closeUntil('2026-03-02T00:00Z')
    expect(account.invoices(id).map(usage)).toEqual([
      ['calls 01-05T09–02-01T00: 5 2.50'],
      ['calls 02-01T00–03-01T00: 5 2.50'],
    ])
  })

  it('are there for every price, at zero usage too: a minimum is due then', async () => {
    const account = new CustomerAccount(january).plan('pro', prices({ ...unit('0.5'), minimum_amount: '5' }))
    const { id } = await account.subscribe({ plan: 'pro' })
    expect(account.closeUntil(february).invoices(id).map(usage)).toEqual([
      ['calls 01-01T00–02-01T00: 0 5.00'],
    ])
  })

  it('price a meter as a whole where a change of plan leaves its price as it was', async () => {
    const account = new CustomerAccount(january, { meters: [meter('calls'), meter('seats')] })
      .plan('small', { prices: [{ meter: 'calls', price: tiers }] })
      .plan('large', {
        prices: [
          { meter: 'seats', price: unit('9') },
          { meter: 'calls', price: tiers },
        ],
      })
    const { id } = await account.subscribe({ plan: 'small' })
    account.at(eleventh).use('80', tenth)
    await account.change(id, { plan: 'large', when: 'now' })
    account.use('80', eleventh).use('2', eleventh, { meter: 'seats' })
    expect(account.closeUntil(february).invoices(id).map(usage)).toEqual([
      ['calls 01-01T00–02-01T00: 160 106.00', 'seats 01-11T10–02-01T00: 2 18.00'],
    ])
  })

  it('divide a meter where a change of plan changes its price, each part by its own price', async () => {
    const account = new CustomerAccount(january).plan('small', prices(tiers)).plan('large', prices(unit('2')))
    const { id } = await account.subscribe({ plan: 'small' })
    account.at('2026-01-11T10:30Z').use('80', '2026-01-11T09:59Z')
    await account.change(id, { plan: 'large', when: 'now' })
    account.use('80', '2026-01-11T10:00Z')
    expect(account.closeUntil(february).invoices(id).map(usage)).toEqual([
      ['calls 01-01T00–01-11T10: 80 80.00', 'calls 01-11T10–02-01T00: 80 160.00'],
    ])
  })

  it('end where a plan without the meter begins', async () => {
    const account = new CustomerAccount(january).plan('small', prices(unit('1'))).plan('none', {})
    const { id } = await account.subscribe({ plan: 'small' })
    account.at(eleventh).use('3', tenth)
    await account.change(id, { plan: 'none', when: 'now' })
    account.use('80', eleventh)
    expect(account.closeUntil('2026-03-02T00:00Z').invoices(id).map(usage)).toEqual([
      ['calls 01-01T00–01-11T10: 3 3.00'],
      [],
    ])
  })

  it('end with the hour of a cancellation', async () => {
    const account = new CustomerAccount(january).plan('pro', prices(unit('1')))
    const { id } = await account.subscribe({ plan: 'pro' })
    await account.at('2026-01-11T10:20Z').use('3', tenth).cancel(id, 'now')
    account.at('2026-01-11T11:05Z').use('5', '2026-01-11T10:59Z').use('7', '2026-01-11T11:00Z')
    expect(account.closeUntil(february).invoices(id).map(usage)).toEqual([
      ['calls 01-01T00–01-11T11: 8 8.00'],
    ])
  })

  it('take a subscription’s own prices in place of the plan’s', async () => {
    const account = new CustomerAccount(january, { meters: [meter('calls'), meter('seats')] }).plan('pro', {
      prices: [
        { meter: 'calls', price: unit('1') },
        { meter: 'seats', price: unit('9') },
      ],
    })
    const { id } = await account.subscribe({ plan: 'pro', overrides: prices(unit('0.2')).prices })
    account.use('10', eleventh).use('1', eleventh, { meter: 'seats' })
    await account.at('2026-01-21T00:00Z').change(id, { plan: 'pro', when: 'now' })
    account.use('10', '2026-01-22T00:00Z')
    expect(account.at('2026-01-23T00:00Z').closeUntil(february).invoices(id).map(usage)).toEqual([
      [
        'calls 01-01T00–01-21T00: 10 2.00',
        'seats 01-01T00–02-01T00: 1 9.00',
        'calls 01-21T00–02-01T00: 10 10.00',
      ],
    ])
  })
})

describe('groups with prices of their own', () => {
  const grouped = meter('tokens', 'sum', ['model', 'region'])
  const groups = [
    { match: { model: 'large' }, price: unit('3') },
    { match: { model: 'large', region: 'eu' }, price: unit('4') },
  ]
  const used = async (plan: object) => {
    const account = new CustomerAccount(january, { meters: [grouped] }).plan('pro', { prices: [plan] })
    const { id } = await account.subscribe({ plan: 'pro' })
    const tokens = (quantity: string, group: Record<string, string>) =>
      account.use(quantity, january, { meter: 'tokens', groups: group })
    tokens('1', { model: 'large', region: 'eu' })
    tokens('10', { model: 'large', region: 'us' })
    tokens('100', { model: 'small', region: 'eu' })
    return { account, lines: account.closeUntil(february).invoices(id).map(usage) }
  }

  it('count each of them once: the closest price first, and the rest by the meter’s price', async () => {
    const { lines } = await used({ meter: 'tokens', groups, price: unit('0.01') })
    expect(lines).toEqual([
      [
        'tokens {"model":"large","region":"eu"} 01-01T00–02-01T00: 1 4.00',
        'tokens {"model":"large"} 01-01T00–02-01T00: 10 30.00',
        'tokens 01-01T00–02-01T00: 100 1.00',
      ],
    ])
  })

  it('say that the rest is unpriced where nothing prices it', async () => {
    const { account, lines } = await used({ meter: 'tokens', groups })
    expect(lines[0]!.at(-1)).toBe('tokens 01-01T00–02-01T00: 100 unpriced')
    expect(account.invoices()[0]!.totals!.total).toBe('34.00')
  })
})

describe('a gauge', () => {
  const gigabytes = meter('gb', 'weighted_sum')
  it('is priced by its mean level, of a part of a period by that part', async () => {
    const account = new CustomerAccount('2026-03-31T00:00Z', { meters: [gigabytes] })
      .plan('cheap', prices(unit('1'), 'gb'))
      .plan('dear', prices(unit('2'), 'gb'))
    account.use('100', '2026-03-30T00:00Z', { meter: 'gb' })
    const { id } = await account.at('2026-04-01T00:00Z').subscribe({ plan: 'cheap' })
    await account.at('2026-04-16T00:00Z').change(id, { plan: 'dear', when: 'now' })
    expect(account.closeUntil('2026-06-02T00:00Z').invoices(id).map(usage)).toEqual([
      ['gb 04-01T00–04-16T00: 50 50.00', 'gb 04-16T00–05-01T00: 50 100.00'],
      ['gb 05-01T00–06-01T00: 100 200.00'],
    ])
  })

  it('of a first period that the calendar cuts counts by the part, and of a last one', async () => {
    const account = new CustomerAccount('2026-04-01T00:00Z', { meters: [gigabytes] })
    account.plan('cheap', prices(unit('1'), 'gb')).use('100', '2026-03-30T00:00Z', { meter: 'gb' })
    const { id } = await account.at('2026-04-16T00:00Z').subscribe({ plan: 'cheap' })
    await account.closeUntil('2026-05-31T23:30Z').cancel(id, 'now')
    expect(account.closeUntil('2026-07-01T00:00Z').invoices(id).map(usage)).toEqual([
      ['gb 04-16T00–05-01T00: 50 50.00'],
      ['gb 05-01T00–06-01T00: 100 100.00'],
    ])
  })
})
