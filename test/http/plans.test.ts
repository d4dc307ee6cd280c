import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

const graduated = {
  model: 'graduated',
  tiers: [
    { up_to: '1000', unit_amount: '0.01', flat_amount: '0' },
    { up_to: null, unit_amount: '0.005' },
  ],
}
const pro = { key: 'pro', name: 'Pro', currency: 'USD', prices: [{ meter: 'calls', price: graduated }] }

async function tenantWithMeter() {
  const tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
  return tenant
}

describe('a plan', () => {
  it('is created, read, listed and changed', async () => {
    const { call } = await tenantWithMeter()
    const created = await call('POST', '/api/v1/plans', pro)
    expect(created).toMatchObject({ status: 201, body: { ...pro, default: false } })
    expect((await call('GET', '/api/v1/plans/pro')).body).toEqual(created.body)
    expect((await call('GET', '/api/v1/plans')).body.data.map(({ key }: { key: string }) => key)).toEqual([
      'default',
      'pro',
    ])

    const prices = [{ meter: 'calls', price: { model: 'per_unit', unit_amount: '1', free_units: '10' } }]
    const changed = await call('PATCH', '/api/v1/plans/pro', { prices })
    expect(changed).toMatchObject({ status: 200, body: { name: 'Pro', prices, default: false } })
    expect((await call('PATCH', '/api/v1/plans/pro', { name: null })).body).toMatchObject({
      name: null,
      prices,
    })
  })

  it('created again with the same content is a success, with other content a 409 that names what differs', async () => {
    const { call } = await tenantWithMeter()
    const created = await call('POST', '/api/v1/plans', pro)
    expect(await call('POST', '/api/v1/plans', pro)).toMatchObject({ status: 200, body: created.body })
    const other = await call('POST', '/api/v1/plans', { ...pro, currency: 'EUR', prices: [] })
    expect(other).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    expect(errorsOf(other)).toEqual(['#/currency: is another there', '#/prices: is another there'])
  })

  it('can be made the default one, and then is in place of the one before', async () => {
    const { id, call } = await tenantWithMeter()
    expect((await call('POST', '/api/v1/plans', { ...pro, default: true })).body.default).toBe(true)
    expect((await call('GET', '/api/v1/plans/default')).body.default).toBe(false)
    expect((await call('PATCH', '/api/v1/plans/default', { default: true })).body.default).toBe(true)
    expect((await call('GET', '/api/v1/plans/pro')).body.default).toBe(false)
    expect((await call('PATCH', '/api/v1/plans/pro', { default: false })).status).toBe(200)
    expect(id).toMatch(/-/)
  })

  it('that is the default can’t be none: another takes its place', async () => {
    const { call } = await tenantWithMeter()
    const answer = await call('PATCH', '/api/v1/plans/default', { default: false })
    expect(answer).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining('Make another one the default') },
    })
  })

  it('keeps its currency', async () => {
    const { call } = await tenantWithMeter()
    await call('POST', '/api/v1/plans', pro)
    const answer = await call('PATCH', '/api/v1/plans/pro', { currency: 'EUR' })
    expect(answer).toMatchObject({ status: 409, body: { code: 'meaning_would_change' } })
    expect(answer.body.detail).toContain('POST /api/v1/plans')
    expect((await call('PATCH', '/api/v1/plans/pro', { currency: 'USD' })).status).toBe(200)
  })

  it('names only meters that there are', async () => {
    const { call } = await tenantWithMeter()
    const price = { meter: 'nope', price: { model: 'per_unit', unit_amount: '1' } }
    const created = await call('POST', '/api/v1/plans', { ...pro, prices: [...pro.prices, price] })
    expect(created.status).toBe(422)
    expect(errorsOf(created)).toEqual(['#/prices/1/meter: must be the key of a meter; there is no "nope"'])
    expect((await call('GET', '/api/v1/plans/pro')).status).toBe(404)
    expect(errorsOf(await call('PATCH', '/api/v1/plans/default', { prices: [price] }))).toEqual([
      '#/prices/0/meter: must be the key of a meter; there is no "nope"',
    ])
    expect((await call('GET', '/api/v1/plans/default')).body.prices).toEqual([])
  })

  it('that there is not is a 404', async () => {
    const { call } = await newTenant(server)
    expect((await call('GET', '/api/v1/plans/nope')).status).toBe(404)
    expect((await call('PATCH', '/api/v1/plans/nope', { name: 'x' })).status).toBe(404)
  })

  it('created at the same instant by many callers is one', async () => {
    const { call } = await tenantWithMeter()
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('POST', '/api/v1/plans', pro)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(7).fill(200), 201])
  })

  it.each([
    [{ ...pro, prices: [{ meter: 'calls', price: { model: 'per_unix' } }] }, '#/prices/0/price/model'],
    [
      { ...pro, prices: [{ meter: 'calls', price: { model: 'per_unit', unit_amount: 0.1 } }] },
      '#/prices/0/price/unit_amount',
    ],
    [
      {
        ...pro,
        prices: [{ meter: 'calls', price: { ...graduated, tiers: [{ up_to: '5', unit_amount: '1' }] } }],
      },
      '#/prices/0/price/tiers',
    ],
    [
      { ...pro, prices: [{ meter: 'calls', price: { ...graduated, minimum_ammount: '1' } }] },
      '#/prices/0/price/minimum_ammount',
    ],
    [{ ...pro, name: 'a\u0000' }, '#/name'],
    [{ ...pro, currency: 'XXX' }, '#/currency'],
  ])('with a mistake is refused with its place: %#', async (input, pointer) => {
    const { call } = await tenantWithMeter()
    const answer = await call('POST', '/api/v1/plans', input)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      expect.stringContaining(pointer),
    ])
  })
})

describe('a price preview', () => {
  it('says what a quantity would cost, tier by tier, and stores nothing', async () => {
    const { call } = await newTenant(server)
    const answer = await call('POST', '/api/v1/prices/preview', {
      currency: 'USD',
      price: graduated,
      quantity: '1500.5',
    })
    expect(answer).toMatchObject({
      status: 200,
      body: { currency: 'USD', quantity: '1500.5', amount: '12.50', unrounded_amount: '12.5025' },
    })
    expect(answer.body.breakdown).toHaveLength(2)
    expect((await call('GET', '/api/v1/plans')).body.data).toHaveLength(1)
  })

  it('names what is wrong', async () => {
    const { call } = await newTenant(server)
    const answer = await call('POST', '/api/v1/prices/preview', {
      currency: 'USD',
      price: graduated,
      quantity: 5,
    })
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/quantity')])
  })
})
