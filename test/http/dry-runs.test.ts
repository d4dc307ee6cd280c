import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { day, issueDue } from './billing-tenant.ts'
import { errorsOf, newTenant, openInProcess, openServer, type Server } from './harness.ts'
import { hours, settle, settleAndFill } from './settling.ts'

let server: Server
/** Of these tests alone: whatever is said while a meter is filled is said before others' flushes fill it. */
let own: Server
beforeAll(async () => {
  server = await openServer()
  own = await openInProcess()
})
afterAll(() => Promise.all([server, own].map((one) => one?.close())))

const tokens = { key: 'tokens', resource_type: 'completion', aggregation: 'sum', value: 'input' }
const path = '/api/v1/meters/tokens'
const prices = [{ meter: 'tokens', price: { model: 'per_unit', unit_amount: '1' } }]
const completion = (customer_id: string, timestamp: string, input: number, output: number) => ({
  customer_id,
  resource_type: 'completion',
  timestamp,
  properties: { input, output, model: 'large' },
})

describe('a dry run of a revision', () => {
  it('says which issued invoices, drafts and bills come to what, and changes nothing; then they do', async () => {
    const { call } = await newTenant(own)
    await call('POST', '/api/v1/meters', tokens)
    await call('POST', '/api/v1/plans', { key: 'daily', currency: 'USD', interval: 'day', prices })
    await call('POST', '/api/v1/plans', { key: 'pro', currency: 'USD', default: true, prices })
    await call('POST', '/api/v1/subscriptions', { customer_id: 'c', plan: 'daily', start: day(-2) })
    await call('POST', '/api/v1/usage', [
      completion('c', day(-2, 5), 10, 3),
      completion('c', day(0), 20, 5),
      completion('without', hours(0), 40, 7),
      completion('same', hours(0), 4, 4),
    ])
    await settle(own)
    await issueDue(own)
    // What is in no block yet is counted, too.
    await call('POST', '/api/v1/usage', completion('c', day(0), 100, 200))
    const revision = { from: day(-2), value: 'output', group_by: ['model'] }
    const meter = await call('GET', path)
    const { status, body } = await call('POST', `${path}/revisions`, { ...revision, dry_run: true })
    expect(status).toBe(200)
    expect((await call('GET', path)).body).toEqual(meter.body)
    expect((await call('GET', `${path}/revisions`)).body.data).toHaveLength(1)
    expect(body).toMatchObject({
      ...{ dry_run: true, meter: 'tokens', events: 5, customers: 3, incomplete: false },
      ...{ from: day(-2, 5), customers_not_shown: 0 },
    })
    expect(body.blocks).toBeGreaterThan(0)
    expect(
      body.effect.map((one: Record<string, unknown>) => [
        one.customer_id,
        one.quantity_before,
        one.quantity_after,
      ]),
    ).toEqual([
      ['c', '130', '208'],
      ['without', '40', '7'],
    ])
    const bills = body.invoices.map((one: Record<string, unknown>) => [
      one.customer_id,
      one.number !== null,
      one.amount_before,
      one.amount_after,
    ])
    expect(bills).toEqual(
      expect.arrayContaining([
        ['c', true, '10.00', '3.00'],
        ['c', false, '120.00', '205.00'],
        ['without', false, '40.00', '7.00'],
      ]),
    )
    expect(bills).toHaveLength(3)

    expect((await call('POST', `${path}/revisions`, revision)).status).toBe(201)
    // Of one that is being filled, too.
    const filling = await call('POST', `${path}/revisions`, { ...revision, dry_run: true })
    expect(filling.body.invoices).toEqual(body.invoices)
    await settleAndFill(own)
    const draft = (await call('GET', '/api/v1/invoices?status=draft')).body.data[0].id
    const { lines } = (await call('GET', `/api/v1/invoices/${draft}`)).body
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'usage', amount: '205.00' }),
        expect.objectContaining({ kind: 'adjustment', amount: '-7.00' }),
      ]),
    )
    expect((await call('GET', '/api/v1/billing/without')).body.total).toBe('7.00')
    // It counts so by now.
    const again = await call('POST', `${path}/revisions`, { ...revision, dry_run: true })
    expect(again).toMatchObject({ status: 200, body: { blocks: 0, events: 0, effect: [], invoices: [] } })
  })

  it('of a replay, says what the meter lacks', async () => {
    const { call } = await newTenant(server, { unmetered: 'keep' })
    await call('POST', '/api/v1/usage', completion('c', hours(1), 10, 3))
    await settle(server)
    await call('POST', '/api/v1/meters', tokens)
    const { status, body } = await call('POST', `${path}/replay`, { from: 'beginning', dry_run: true })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ from: hours(1), blocks: 1, events: 1 },
      effect: [{ customer_id: 'c', quantity_before: '0', quantity_after: '10', counters: 1 }],
    })
  })

  it('refuses what making it would refuse', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', { ...tokens, group_by: ['model'] })
    const groups = [{ match: { model: 'large' }, price: { model: 'per_unit', unit_amount: '1' } }]
    await call('POST', '/api/v1/plans', {
      key: 'pro',
      currency: 'USD',
      prices: [{ ...prices[0], groups }],
    })
    const dropped = { from: 'beginning', group_by: [], dry_run: true }
    expect(errorsOf(await call('POST', `${path}/revisions`, dropped))).toEqual([
      '#/group_by: must hold "model", which prices go by',
    ])
    const average = { from: 'beginning', aggregation: 'avg', dry_run: true }
    expect((await call('POST', `${path}/revisions`, average)).body.code).toBe('meaning_would_change')
    expect(
      (await call('POST', '/api/v1/meters/none/replay', { from: 'beginning', dry_run: true })).status,
    ).toBe(404)
    const other = { ...tokens, aggregation: 'max', dry_run: true }
    expect((await call('POST', '/api/v1/meters', other)).body.code).toBe('already_exists')
    const half = { ...tokens, key: 'half', counts_from: '2026-11-01T00:30:00Z', dry_run: true }
    expect((await call('POST', '/api/v1/meters', half)).status).toBe(422)
  })
})

describe('a dry run of a meter', () => {
  it('says what it would have, by customer, and makes none', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', tokens)
    await call('POST', '/api/v1/usage', [
      completion('b', hours(2), 1, 30),
      completion('a', hours(1), 1, 20),
      completion('a', hours(0), 1, 5),
    ])
    await settle(server)
    const written = { ...tokens, key: 'written', value: 'output', counts_from: hours(1) }
    const { status, body } = await call('POST', '/api/v1/meters', { ...written, dry_run: true })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ meter: 'written', events: 2, customers: 1, invoices: [], from: hours(1), to: hours(-1) },
      effect: [{ customer_id: 'a', quantity_before: '0', quantity_after: '25', counters: 2 }],
    })
    expect((await call('GET', '/api/v1/meters/written')).status).toBe(404)
    expect((await call('POST', '/api/v1/meters', written)).status).toBe(201)
    const fromNow = { ...written, key: 'from_now', counts_from: null, dry_run: true }
    expect((await call('POST', '/api/v1/meters', fromNow)).body).toMatchObject({ events: 0, effect: [] })
  })
})
