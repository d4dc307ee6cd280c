// From usage to invoices over months, on a clock that the test turns: the whole app in this process.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ConfigCache } from '../../src/access/config-cache.ts'
import type { Services } from '../../src/services.ts'
import { newTenant, openInProcess, type Server } from '../http/harness.ts'

let server: Server
let nowMs = Date.parse('2026-01-10T10:20:00Z')
beforeAll(async () => {
  server = await openInProcess((services): Services => {
    const clock = () => nowMs
    return { ...services, clock, configs: new ConfigCache(services.access, clock) }
  })
})
afterAll(() => server?.close())

const at = (time: string) => {
  nowMs = Date.parse(time)
}

async function open(timezone = 'UTC') {
  const tenant = await newTenant(server, { timezone })
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await tenant.call(method, path, body)
    expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300)
    return answer.body
  }
  let sent = 0
  const use = (quantity: number, timestamp: string, customer_id = 'alice') =>
    call('POST', '/api/v1/usage', {
      id: `e${sent++}`,
      customer_id,
      resource_type: 'call',
      quantity,
      timestamp,
    })
  const close = async () => {
    const headers = { authorization: `Bearer ${server.adminToken}` }
    const answer = await server.request('/api/v1/invoices/issue-due', { method: 'POST', headers })
    nowMs++
    return answer.json()
  }
  const invoices = async (filter = 'customer_id=alice') => {
    const { data } = await call('GET', `/api/v1/invoices?limit=100&${filter}`)
    return Promise.all(data.reverse().map(({ id }: { id: string }) => call('GET', `/api/v1/invoices/${id}`)))
  }
  await call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
  return { call, raw: tenant.call, use, close, invoices }
}

const tiers = [
  { up_to: '100', unit_amount: '1' },
  { up_to: null, unit_amount: '0.5' },
]
const pro = {
  key: 'pro',
  currency: 'USD',
  prices: [{ meter: 'calls', price: { model: 'graduated', tiers } }],
  fees: [
    { key: 'base', amount: '31' },
    { key: 'support', amount: '10', due: 'arrears' },
  ],
}
type Line = { kind: string; amount: string; quantity?: string; [field: string]: unknown }
const shown = (invoice: { lines: Line[] }) =>
  invoice.lines.map(({ kind, fee, meter, quantity, amount, from, to }) =>
    [kind, fee ?? meter, quantity, amount, `${from}`.slice(0, 13), `${to}`.slice(0, 13)]
      .filter(Boolean)
      .join(' '),
  )

describe('a subscription by the calendar', () => {
  it('is invoiced at once for what is due in advance, by days, and each month for what was used', async () => {
    at('2026-01-10T10:20:00Z')
    const { call, use, close, invoices } = await open()
    await call('POST', '/api/v1/plans', pro)
    const subscription = await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro' })
    expect(subscription).toMatchObject({ status: 'active', start: '2026-01-10T10:00:00.000Z' })
    await use(120, '2026-01-10T10:05:00Z')
    const [opening, draft] = await invoices()
    expect(opening).toMatchObject({ number: 'INV-000001', status: 'issued', kind: 'opening', total: '22.00' })
    expect(draft).toMatchObject({ number: null, status: 'draft', id: subscription.draft_invoice_id })
    expect(shown(draft)).toEqual([
      'usage calls 120 110.00 2026-01-10T10 2026-02-01T00',
      'fee support 7.10 2026-01-10T10 2026-02-01T00',
      'fee base 31.00 2026-02-01T00 2026-03-01T00',
    ])

    at('2026-02-01T00:59:00Z')
    expect(await close()).toMatchObject({ issued: 0 })
    await use(30, '2026-01-31T23:59:59Z')
    at('2026-02-01T01:00:00Z')
    expect(await close()).toMatchObject({ issued: 1, failed: [] })
    expect(await close()).toMatchObject({ issued: 0 })
    const [, january] = await invoices()
    expect(january).toMatchObject({
      id: draft.id,
      number: 'INV-000002',
      status: 'issued',
      subtotal: '163.10',
    })
    expect(shown(january)[0]).toBe('usage calls 150 125.00 2026-01-10T10 2026-02-01T00')

    // Late: 40 more for January, priced in its second tier, where the month's own first 60 are in the first.
    await use(40, '2026-01-20T12:00:00Z')
    await use(60, '2026-02-02T00:00:00Z').catch(() => undefined)
    at('2026-02-02T00:30:00Z')
    await use(60, '2026-02-02T00:00:00Z')
    at('2026-03-01T02:00:00Z')
    expect(await close()).toMatchObject({ issued: 1 })
    const february = (await invoices())[2]
    expect(shown(february)).toEqual([
      'usage calls 60 60.00 2026-02-01T00 2026-03-01T00',
      'fee support 10.00 2026-02-01T00 2026-03-01T00',
      'adjustment calls 40 20.00 2026-01-10T10 2026-02-01T00',
      'fee base 31.00 2026-03-01T00 2026-04-01T00',
    ])
    expect(february.lines[2].adjusts).toEqual({ invoice_id: january.id, number: 'INV-000002', line: 1 })
    expect((await invoices())[1]).toEqual(january)
  })

  it('changed now, is corrected by days; cancelled, it gives back what was billed ahead, and what comes late is invoiced at the end', async () => {
    at('2026-03-01T00:10:00Z')
    const { call, use, close, invoices } = await open()
    await call('POST', '/api/v1/plans', pro)
    await call('POST', '/api/v1/plans', { ...pro, key: 'max', fees: [{ key: 'base', amount: '62' }] })
    const { id } = await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro' })
    await use(10, '2026-03-01T00:05:00Z')
    at('2026-03-11T15:40:00Z')
    const change = { plan: 'max', when: 'now' }
    const preview = await call('POST', `/api/v1/subscriptions/${id}/change/preview`, change)
    await call('POST', `/api/v1/subscriptions/${id}/change`, change)
    const [, draft] = await invoices()
    expect(draft.lines).toEqual(preview.invoice.lines)
    expect(shown(draft)).toEqual([
      'usage calls 10 10.00 2026-03-01T00 2026-04-01T00',
      'fee support 3.23 2026-03-01T00 2026-03-11T15',
      'proration base -21.00 2026-03-11T15 2026-04-01T00',
      'proration base 42.00 2026-03-11T15 2026-04-01T00',
      'fee base 62.00 2026-04-01T00 2026-05-01T00',
    ])
    at('2026-04-01T03:00:00Z')
    await close()
    at('2026-04-16T08:15:00Z')
    const cancelled = await call('POST', `/api/v1/subscriptions/${id}/cancel`, { when: 'now' })
    expect(cancelled.cancel_at).toBe('2026-04-16T09:00:00.000Z')
    await use(5, '2026-04-16T08:10:00Z')
    at('2026-04-16T10:00:00Z')
    await close()
    const april = (await invoices())[2]
    expect(shown(april)).toEqual([
      'usage calls 5 5.00 2026-04-01T00 2026-04-16T09',
      'proration base -28.93 2026-04-16T09 2026-05-01T00',
    ])
    expect(april).toMatchObject({
      status: 'paid',
      total: '-23.93',
      amount_due: '0.00',
      credit_granted: '23.93',
    })
    await use(7, '2026-04-10T00:00:00Z')
    at('2026-05-23T00:00:00Z')
    expect((await close()).failed).toEqual([])
    const trailing = (await invoices())[3]
    expect(trailing).toMatchObject({
      kind: 'trailing',
      number: 'INV-000004',
      total: '7.00',
      amount_due: '0.00',
    })
    expect(shown(trailing)).toEqual(['adjustment calls 7 7.00 2026-04-01T00 2026-04-16T09'])
    at('2026-09-01T00:00:00Z')
    while ((await close()).issued > 0);
    expect(await invoices()).toHaveLength(4)
    const entries = (await call('GET', '/api/v1/credit-entries?customer_id=alice')).data
    expect(entries.map(({ kind, amount }: Line) => `${kind} ${amount}`)).toEqual([
      'draw -7.00',
      'grant 23.93',
    ])
  })
})

describe('a subscription by anniversary', () => {
  it('keeps the 31st where there is one, in the tenant’s time zone', async () => {
    at('2026-01-31T12:00:00Z')
    const { call, close, invoices } = await open('Europe/Berlin')
    await call('POST', '/api/v1/plans', { ...pro, fees: [] })
    await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro', anchor: 'anniversary' })
    at('2026-05-01T00:00:00Z')
    while ((await close()).issued > 0);
    const periods = (await invoices()).map(({ period }) => period)
    expect(periods.toSorted((x, y) => (x.start < y.start ? -1 : 1))).toEqual([
      { start: '2026-01-31T12:00:00.000Z', end: '2026-02-27T23:00:00.000Z' },
      { start: '2026-02-27T23:00:00.000Z', end: '2026-03-30T22:00:00.000Z' },
      { start: '2026-03-30T22:00:00.000Z', end: '2026-04-29T22:00:00.000Z' },
      { start: '2026-04-29T22:00:00.000Z', end: '2026-05-30T22:00:00.000Z' },
    ])
  })

  it('is free in its trial, and is invoiced when the trial ends for what is due in advance', async () => {
    at('2026-01-05T09:30:00Z')
    const { call, use, close, invoices } = await open()
    await call('POST', '/api/v1/plans', { ...pro, trial_days: 14 })
    await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro', anchor: 'anniversary' })
    await use(1_000, '2026-01-05T09:10:00Z')
    at('2026-01-19T00:00:00Z')
    expect(await close()).toMatchObject({ issued: 1 })
    const [trial, draft] = await invoices()
    expect(trial).toMatchObject({ kind: 'opening', total: '31.00' })
    expect(draft.period).toEqual({ start: '2026-01-19T00:00:00.000Z', end: '2026-02-19T00:00:00.000Z' })
    expect(shown(draft)[0]).toBe('usage calls 0 0.00 2026-01-19T00 2026-02-19T00')
  })
})

describe('a meter', () => {
  it('is priced by one subscription of a customer at a time', async () => {
    at('2026-01-10T10:20:00Z')
    const { call, raw } = await open()
    await call('POST', '/api/v1/plans', pro)
    const first = await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro' })
    const second = { customer_id: 'alice', plan: 'pro' }
    expect(await raw('POST', '/api/v1/subscriptions', second)).toMatchObject({
      status: 409,
      body: { code: 'already_priced', detail: expect.stringContaining(first.id) },
    })
    await call('POST', `/api/v1/subscriptions/${first.id}/cancel`, { when: 'period_end' })
    expect(await raw('POST', '/api/v1/subscriptions', second)).toMatchObject({ status: 409 })
    await call('POST', '/api/v1/subscriptions', { ...second, start: '2026-02-01T00:00:00Z' })
    expect(await raw('POST', `/api/v1/subscriptions/${first.id}/reactivate`)).toMatchObject({
      status: 409,
      body: { code: 'already_priced' },
    })
  })
})

describe('a subscription by the day that began a year ago', () => {
  it('is invoiced up to today by one run, each day with its own usage, and with numbers that have no gaps', async () => {
    at('2026-01-10T10:20:00Z')
    const { call, use, close } = await open('Europe/Berlin')
    await call('POST', '/api/v1/plans', { ...pro, interval: 'day' })
    await use(3, '2026-01-10T10:05:00Z')
    at('2026-01-20T10:20:00Z')
    await use(120, '2026-01-20T10:05:00Z')
    at('2026-12-31T12:00:00Z')
    while ((await close()).more);
    await call('POST', '/api/v1/subscriptions', {
      customer_id: 'alice',
      plan: 'pro',
      start: '2026-01-01T00:00:00Z',
    })
    expect(await close()).toMatchObject({ issued: 364, failed: [] })
    expect(await close()).toMatchObject({ issued: 0, more: false })
    const issued: { number: string; total: string; period: { start: string } }[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await call(
        'GET',
        `/api/v1/invoices?status=issued&limit=100${cursor && `&cursor=${cursor}`}`,
      )
      issued.unshift(...page.data.reverse())
      cursor = page.next_cursor
    }
    expect(issued.map(({ number }) => number)).toEqual(
      Array.from({ length: 365 }, (_, i) => `INV-${String(i + 1).padStart(6, '0')}`),
    )
    expect(
      issued.filter(({ total }) => total !== '41.00').map(({ period, total }) => [period.start, total]),
    ).toEqual([
      ['2026-01-01T00:00:00.000Z', '31.00'],
      ['2026-01-09T23:00:00.000Z', '44.00'],
      ['2026-01-19T23:00:00.000Z', '151.00'],
    ])
  })
})

describe('the bill of a customer who used nothing', () => {
  it('is zero, and not unknown, long after its only subscription has ended, and before one begins', async () => {
    at('2026-01-10T10:20:00Z')
    const { call, raw, close } = await open()
    await call('POST', '/api/v1/plans', pro)
    const bill = (id: string, query = '') => raw('GET', `/api/v1/billing/${id}${query}`)
    expect(await bill('alice')).toMatchObject({ status: 404, body: { code: 'not_found' } })
    const { id } = await call('POST', '/api/v1/subscriptions', { customer_id: 'alice', plan: 'pro' })
    await call('POST', `/api/v1/subscriptions/${id}/cancel`, { when: 'period_end' })
    at('2026-05-01T00:00:00Z')
    while ((await close()).issued > 0);
    expect(await bill('alice')).toMatchObject({
      status: 200,
      body: { plan: 'default', total: '0.00', lines: [] },
    })
    // A past month is billed by what ran then, also where nothing of it is left to be invoiced.
    expect(await bill('alice', '?period=2026-01')).toMatchObject({ status: 200, body: { plan: 'pro' } })

    const later = { customer_id: 'bob', plan: 'pro', start: '2026-08-01T00:00:00Z' }
    await call('POST', '/api/v1/subscriptions', later)
    expect(await bill('bob')).toMatchObject({ status: 200, body: { total: '0.00' } })
    const prepaid = { customer_id: 'carol', name: 'Prepaid', amount: '5', currency: 'USD' }
    await call('POST', '/api/v1/credit-grants', prepaid)
    expect(await bill('carol')).toMatchObject({ status: 200, body: { total: '0.00' } })
    expect((await bill('dave')).status).toBe(404)
  })
})
