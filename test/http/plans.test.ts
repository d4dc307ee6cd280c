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
/** What a plan has that leaves it out. */
const defaults = { fees: [], interval: 'month', interval_count: 1, trial_days: 0, entitlements: {} }
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
    expect(created).toMatchObject({ status: 201, body: { ...pro, ...defaults, version: 1, default: false } })
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
    for (const again of [pro, { ...pro, ...defaults }])
      expect(await call('POST', '/api/v1/plans', again)).toMatchObject({ status: 200, body: created.body })
    const other = await call('POST', '/api/v1/plans', {
      ...pro,
      currency: 'EUR',
      prices: [],
      trial_days: 1,
    })
    expect(other).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    expect(errorsOf(other)).toEqual([
      '#/currency: is another there',
      '#/prices: is another there',
      '#/trial_days: is another there',
    ])
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
    [{ ...pro, interval: 'decade' }, '#/interval'],
    [{ ...pro, interval: 'year', interval_count: 4 }, '#/interval_count'],
    [{ ...pro, trial_days: 1.5 }, '#/trial_days'],
    [{ ...pro, fees: [{ key: 'base', amount: '1', due: 'later' }] }, '#/fees/0/due'],
    [{ ...pro, fees: [{ key: 'base', amount: 1 }] }, '#/fees/0/amount'],
    [{ ...pro, entitlements: { 'S S O': true } }, '#/entitlements'],
    [{ ...pro, entitlements: { seats: 10 } }, '#/entitlements/seats'],
    [{ ...pro, prices: [{ meter: 'calls' }] }, '#/prices/0/price'],
  ])('with a mistake is refused with its place: %#', async (input, pointer) => {
    const { call } = await tenantWithMeter()
    const answer = await call('POST', '/api/v1/plans', input)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toEqual([
      expect.stringContaining(pointer),
    ])
  })
})

describe('a version of a plan', () => {
  const perUnit = (unit_amount: string) => [{ meter: 'calls', price: { model: 'per_unit', unit_amount } }]
  const fees = [{ key: 'base', name: 'Base fee', amount: '49', due: 'arrears' }]
  const terms = {
    prices: perUnit('1'),
    fees,
    interval: 'quarter',
    interval_count: 2,
    trial_days: 14,
    entitlements: { sso: true, seats: '10' },
  }
  const path = '/api/v1/plans/pro'

  it('is published by a change of the terms, and by nothing else', async () => {
    const { call } = await tenantWithMeter()
    const { body: first } = await call('POST', '/api/v1/plans', { ...pro, ...terms })
    expect(first).toMatchObject({ ...terms, version: 1 })
    const change = async (sent: object) => (await call('PATCH', path, sent)).body
    expect(await change({ name: 'Pro 2', default: true })).toMatchObject({ name: 'Pro 2', version: 1 })
    expect(await change(terms)).toMatchObject({ version: 1 })
    // The same, in another order of its fields.
    const { due, ...fee } = fees[0]!
    expect(await change({ fees: [{ due, ...fee }] })).toMatchObject({ version: 1, ...terms })
    expect(await change({ prices: perUnit('2') })).toMatchObject({
      ...terms,
      prices: perUnit('2'),
      version: 2,
    })
    expect(await change({ fees: [], trial_days: 0 })).toMatchObject({
      ...terms,
      prices: perUnit('2'),
      fees: [],
      trial_days: 0,
      version: 3,
    })
    expect(await change(terms)).toMatchObject({ ...terms, version: 4 })
    expect((await call('GET', path)).body.version).toBe(4)
  })

  it('stays as it was published, and is listed, the newest first', async () => {
    const { call } = await tenantWithMeter()
    await call('POST', '/api/v1/plans', { ...pro, ...terms })
    await call('PATCH', path, { prices: perUnit('2') })
    await call('PATCH', path, { entitlements: {} })
    const one = async (version: number | string) => await call('GET', `${path}/versions/${version}`)
    expect(await one(1)).toMatchObject({ status: 200, body: { ...terms, version: 1 } })
    expect((await one(2)).body).toMatchObject({ ...terms, prices: perUnit('2'), version: 2 })
    expect((await one(3)).body).toMatchObject({ entitlements: {}, version: 3 })
    expect((await one(3)).body).toEqual((await call('GET', path)).body)

    const all = await call('GET', `${path}/versions`)
    expect(all).toMatchObject({ status: 200, body: { next_cursor: null } })
    expect(all.body.data).toEqual([(await one(3)).body, (await one(2)).body, (await one(1)).body])
    const { body: page } = await call('GET', `${path}/versions?limit=2`)
    expect(page.data).toEqual(all.body.data.slice(0, 2))
    const { body: rest } = await call('GET', `${path}/versions?limit=2&cursor=${page.next_cursor}`)
    expect(rest).toEqual({ data: all.body.data.slice(2), next_cursor: null })
  })

  it('that there is not, or can’t be, is refused', async () => {
    const { call } = await tenantWithMeter()
    await call('POST', '/api/v1/plans', pro)
    const other = await newTenant(server)
    for (const missing of [
      `${path}/versions/2`,
      '/api/v1/plans/nope/versions/1',
      '/api/v1/plans/nope/versions',
    ])
      expect(await call('GET', missing)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect((await other.call('GET', `${path}/versions/1`)).status).toBe(404)
    expect((await other.call('GET', `${path}/versions`)).status).toBe(404)
    for (const bad of ['0', '-1', '1.5', 'x', '01', '9999999999'])
      expect([bad, (await call('GET', `${path}/versions/${bad}`)).status]).toEqual([bad, 422])
    const { body: plans } = await call('GET', '/api/v1/plans?limit=1')
    const foreign = await call('GET', `${path}/versions?cursor=${plans.next_cursor}`)
    expect(errorsOf(foreign)).toEqual(['cursor: must be the next_cursor of an earlier page of this list'])
  })

  it('is no longer than three years, whatever of it a change leaves as it was', async () => {
    const { call } = await tenantWithMeter()
    await call('POST', '/api/v1/plans', { ...pro, interval_count: 36 })
    const refused = await call('PATCH', path, { interval: 'year' })
    expect(refused.status).toBe(422)
    expect(errorsOf(refused)).toEqual(['#/interval_count: must be at most 3 with the interval year'])
    expect((await call('PATCH', path, { interval: 'year', interval_count: 3 })).body.version).toBe(2)
  })

  it('is made of every change, also of those at the same instant', async () => {
    const { call } = await tenantWithMeter()
    await call('POST', '/api/v1/plans', pro)
    const days = [1, 2, 3]
    const answers = await Promise.all(days.map((trial_days) => call('PATCH', path, { trial_days })))
    expect(answers.map(({ status, body }) => [status, body.version]).sort()).toEqual([
      [200, 2],
      [200, 3],
      [200, 4],
    ])
    const { body } = await call('GET', `${path}/versions`)
    for (const { version, trial_days } of answers.map((answer) => answer.body))
      expect(body.data.find((one: { version: number }) => one.version === version).trial_days).toBe(
        trial_days,
      )
  })
})

describe('a price for groups', () => {
  const price = { model: 'per_unit', unit_amount: '1' }
  const grouped = (meter: string, ...matches: object[]) => ({
    ...pro,
    prices: [{ meter, groups: matches.map((match) => ({ match, price })) }],
  })
  const tenantWithMeters = async () => {
    const tenant = await tenantWithMeter()
    const meter = { resource_type: 'call', aggregation: 'max', group_by: ['region', 'tier'] }
    await tenant.call('POST', '/api/v1/meters', { ...meter, key: 'peak' })
    return tenant
  }

  it('asks for properties that the meter groups by, and for no other', async () => {
    const { call } = await tenantWithMeters()
    const sent = grouped('peak', { region: 'eu', zone: 'a' }, { tier: null })
    const refused = await call('POST', '/api/v1/plans', sent)
    expect(refused).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(refused)).toEqual([
      '#/prices/0/groups/0/match/zone: must be a property that the meter groups by: region, tier',
    ])
    expect(errorsOf(await call('POST', '/api/v1/plans', grouped('calls', { region: 'eu' })))).toEqual([
      '#/prices/0/groups/0/match/region: must not be there: the meter has no group_by',
    ])
    expect((await call('GET', '/api/v1/plans/pro')).status).toBe(404)

    const right = grouped('peak', { region: 'eu', tier: 'a' }, { tier: null })
    expect(await call('POST', '/api/v1/plans', right)).toMatchObject({ status: 201, body: right })
    expect(errorsOf(await call('PATCH', '/api/v1/plans/pro', { prices: sent.prices }))).toEqual(
      errorsOf(refused),
    )
    expect((await call('GET', '/api/v1/plans/pro')).body).toMatchObject({ ...right, version: 1 })
  })

  it('of a meter that there is not is refused for that', async () => {
    const { call } = await tenantWithMeters()
    expect(errorsOf(await call('POST', '/api/v1/plans', grouped('nope', { region: 'eu' })))).toEqual([
      '#/prices/0/meter: must be the key of a meter; there is no "nope"',
    ])
  })

  it('has no amount for each event of a meter that does not know how many there were', async () => {
    const { call } = await tenantWithMeters()
    const fixed = { model: 'percentage', rate: '1', fixed_amount: '0.3' }
    const prices = [
      { meter: 'calls', price: fixed },
      { meter: 'peak', price: fixed, groups: [{ match: { region: 'eu' }, price: fixed }] },
    ]
    const because =
      'must have no amount for each event: only sum, count and avg meters know how many events there were, and peak is max'
    expect(errorsOf(await call('POST', '/api/v1/plans', { ...pro, prices }))).toEqual([
      `#/prices/1/price: ${because}`,
      `#/prices/1/groups/0/price: ${because}`,
    ])
    expect((await call('POST', '/api/v1/plans', { ...pro, prices: prices.slice(0, 1) })).status).toBe(201)
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
