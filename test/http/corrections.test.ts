// Corrections of events over HTTP: one, and many at once; what the figures, the log and a line's events say then.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller, errorsOf, newTenant, openInProcess, openServer, type Server } from './harness.ts'
import { settle } from './settling.ts'

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

const day = new Date().toISOString().slice(0, 10)
const to = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)

const llm = (id: string, more: object = {}) => ({
  id,
  customer_id: 'alice',
  resource_type: 'llm',
  quantity: '12.5',
  timestamp: `${day}T00:00:01Z`,
  properties: { model: 'large' },
  ...more,
})

async function tenantWith(...events: object[]) {
  const call = await tenantSending(server, events)
  await settle(server)
  return call
}

async function tenantSending(on: Server, events: object[]): Promise<Call> {
  const { call } = await newTenant(on)
  for (const [key, aggregation] of [
    ['tokens', 'sum'],
    ['most', 'max'],
  ])
    await call('POST', '/api/v1/meters', {
      key,
      resource_type: 'llm',
      aggregation,
      group_by: key === 'tokens' ? ['model'] : [],
    })
  expect((await call('POST', '/api/v1/usage', events)).status).toBe(200)
  return call
}

/** By meter and model, of the day. */
async function usage(call: Call, customer = 'alice'): Promise<Record<string, string>> {
  const { status, body } = await call(
    'GET',
    `/api/v1/usage?customer_id=${customer}&from=${day}&to=${to}&meter=tokens&group_by=model`,
  )
  expect(status, JSON.stringify(body)).toBe(200)
  return Object.fromEntries(
    body.data.map((row: { meter: string; group: { model?: string }; quantity: string }) => [
      [row.meter, row.group?.model].filter(Boolean).join(' '),
      row.quantity,
    ]),
  )
}

it('a draft says what it would do to bills, and applied it does', async () => {
  const call = await tenantWith(llm('a'), llm('b', { quantity: '100' }))
  const price = { meter: 'tokens', price: { model: 'per_unit', unit_amount: '0.5' } }
  const plan = { key: 'pro', currency: 'EUR', default: true, prices: [price] }
  expect((await call('POST', '/api/v1/plans', plan)).status).toBe(201)
  const bill = async () => (await call('GET', '/api/v1/billing/alice')).body.total
  expect(await bill()).toBe('56.25')
  const drafted = await call('POST', '/api/v1/corrections', {
    filter: { customer_id: 'alice', from: day, to, resource_type: 'llm' },
    action: 'amend',
    set: { quantity: '3' },
    reason: 'counted in the wrong unit',
  })
  expect(drafted.status, JSON.stringify(drafted.body)).toBe(201)
  expect(drafted.body).toMatchObject({ state: 'draft', events: 2, customers_not_shown: 0 })
  expect(drafted.body.invoices).toMatchObject([
    {
      customer_id: 'alice',
      invoice_id: null,
      number: null,
      currency: 'EUR',
      amount_before: '56.25',
      amount_after: '3.00',
    },
  ])
  expect(await bill()).toBe('56.25')
  const applied = await call('POST', `/api/v1/corrections/${drafted.body.id}/apply`)
  expect(applied.body).toMatchObject({ state: 'applied', invoices: drafted.body.invoices })
  expect(await bill()).toBe('3.00')
})

const idsOf = ({ body }: { body: { data: { id: string }[] } }) => body.data.map(({ id }) => id).sort()

describe('an event that is not settled yet', () => {
  // Of its own, where nobody else settles.
  let own: Server
  beforeAll(async () => {
    own = await openInProcess()
  })
  afterAll(() => own.close())
  const flushed = async () =>
    (await caller(own, own.adminToken)('POST', '/api/v1/flush')).body.correcting.entered_corrections

  it('is corrected when it is, by about the time that the answer says', async () => {
    const call = await tenantSending(own, [llm('a'), llm('b', { quantity: '100' })])
    const voided = await call('POST', '/api/v1/events/b/void', { reason: 'a test run' })
    expect([voided.status, voided.body.state], JSON.stringify(voided.body)).toEqual([202, 'wanted'])
    expect(Date.parse(voided.body.by)).toBeGreaterThan(Date.now())
    expect(await usage(call)).toEqual({ 'tokens large': '112.5' })
    expect((await call('GET', `/api/v1/corrections/${voided.body.id}`)).body.state).toBe('wanted')
    expect(await flushed()).toBe(1)
    expect(await usage(call)).toEqual({ 'tokens large': '12.5' })
    expect((await call('GET', `/api/v1/corrections/${voided.body.id}`)).body).toMatchObject({
      state: 'applied',
      events: 1,
    })
    expect(await flushed()).toBe(0)
  })

  it('is left as it is where that is reverted first', async () => {
    const call = await tenantSending(own, [llm('c')])
    const amended = await call('POST', '/api/v1/events/c/amend', { quantity: '7', reason: 'a test run' })
    expect(amended.status).toBe(202)
    const { status, body } = await call('POST', `/api/v1/corrections/${amended.body.id}/revert`)
    expect([status, body.state]).toEqual([200, 'cancelled'])
    expect(await flushed()).toBe(0)
    expect(await usage(call)).toEqual({ 'tokens large': '12.5' })
  })
})

describe('an event', () => {
  it('that is voided counts nowhere and is shown, marked; and counts again when that is reverted', async () => {
    const call = await tenantWith(llm('a'), llm('b', { quantity: '100' }))
    const { status, body } = await call('POST', '/api/v1/events/b/void', { reason: 'a test run' })
    expect(status, JSON.stringify(body)).toBe(200)
    expect(body).toMatchObject({ state: 'applied', action: 'void', event_id: 'b', events: 1, refusal: null })
    expect(body.effect).toContainEqual(
      expect.objectContaining({ customer_id: 'alice', meter: 'tokens', quantity: '-100', counters: 1 }),
    )
    expect(body.effect).toContainEqual(expect.objectContaining({ meter: 'most', quantity: null }))
    const shown = (await call('GET', '/api/v1/events/b')).body
    expect(shown).toMatchObject({
      quantity: '100',
      meters: [],
      correction: { id: body.id, action: 'void', reason: 'a test run' },
    })
    expect(idsOf(await call('GET', '/api/v1/events'))).toEqual(['a', 'b'])
    expect((await call('GET', `/api/v1/corrections/${body.id}`)).body).toEqual(body)

    const again = await call('POST', '/api/v1/events/b/void', { reason: 'again' })
    expect([again.status, again.body.code]).toEqual([409, 'state_conflict'])
    const reverted = await call('POST', `/api/v1/corrections/${body.id}/revert`)
    expect([reverted.status, reverted.body.state]).toEqual([200, 'reverted'])
    expect((await call('POST', `/api/v1/corrections/${body.id}/revert`)).status).toBe(200)
    const back = (await call('GET', '/api/v1/events/b')).body
    expect(back.correction).toBe(undefined)
    expect(back.meters).toHaveLength(2)
  })

  it('that is amended counts as it is by now, and is found by that', async () => {
    const call = await tenantWith(llm('a'), llm('b', { quantity: '100' }))
    const amended = await call('POST', '/api/v1/events/b/amend', {
      customer_id: 'bob',
      quantity: 7,
      properties: { model: null, region: 'eu' },
      reason: 'the wrong customer',
    })
    expect(amended.status, JSON.stringify(amended.body)).toBe(200)
    expect(idsOf(await call('GET', '/api/v1/events?customer_id=bob'))).toEqual(['b'])
    expect(idsOf(await call('GET', '/api/v1/events?customer_id=alice'))).toEqual(['a'])
    expect(idsOf(await call('GET', '/api/v1/events?property.region=eu'))).toEqual(['b'])
    expect((await call('GET', '/api/v1/events/b')).body).toMatchObject({
      customer_id: 'bob',
      quantity: '7',
      properties: { region: 'eu' },
      meters: [
        { key: 'most', value: '7' },
        { key: 'tokens', value: '7', group: { model: null } },
      ],
      correction: { action: 'amend' },
    })
  })

  it('can’t be what its meters would not take, or what is yet to come, or nothing', async () => {
    const call = await tenantWith(llm('a'))
    const amend = (body: object) => call('POST', '/api/v1/events/a/amend', { reason: 'x', ...body })
    expect(errorsOf(await amend({ quantity: '-1' }))).toEqual([expect.stringMatching(/^#\/quantity: /)])
    expect(errorsOf(await amend({ timestamp: '2099-01-01T00:00:00Z' }))).toEqual([
      expect.stringMatching(/^#\/timestamp: /),
    ])
    // Postgres holds no NUL, and a name of a name has it.
    expect(errorsOf(await amend({ properties: { usage: { 'tokens\u0000': 12 } } }))).toEqual([
      expect.stringMatching(/^#\/properties: must have names of Unicode text without NUL/),
    ])
    expect((await amend({})).status).toBe(422)
    expect((await call('POST', '/api/v1/events/a/void', {})).status).toBe(422)
    expect((await call('POST', '/api/v1/events/none/void', { reason: 'x' })).status).toBe(404)
    expect((await call('GET', '/api/v1/corrections')).body.data).toEqual([])
  })
})

describe('many events', () => {
  it('are drafted, applied and reverted; another tenant sees nothing of it', async () => {
    const call = await tenantWith(llm('a'), llm('b'), llm('c', { properties: { model: 'small' } }))
    const draft = await call('POST', '/api/v1/corrections', {
      filter: { customer_id: 'alice', from: day, to, properties: { model: 'large' } },
      action: 'amend',
      set: { properties: { model: 'small' } },
      reason: 'the gateway fell back',
    })
    expect(draft.status, JSON.stringify(draft.body)).toBe(201)
    expect(draft.body).toMatchObject({ state: 'draft', events: 2, applied_at: null })
    const path = `/api/v1/corrections/${draft.body.id}`
    expect(await usage(call)).toMatchObject({ 'tokens large': '25', 'tokens small': '12.5' })
    const applied = await call('POST', `${path}/apply`)
    expect([applied.status, applied.body.state]).toEqual([200, 'applied'])
    expect((await call('POST', `${path}/apply`)).status).toBe(200)
    expect(await usage(call)).toMatchObject({ 'tokens small': '37.5' })
    expect(await usage(call)).not.toHaveProperty('tokens large')

    const other = (await newTenant(server)).call
    expect((await other('GET', path)).status).toBe(404)
    expect((await other('POST', `${path}/revert`)).status).toBe(404)
    expect((await other('GET', '/api/v1/corrections')).body.data).toEqual([])

    expect((await call('POST', `${path}/revert`)).body.state).toBe('reverted')
    expect(await usage(call)).toMatchObject({ 'tokens large': '25', 'tokens small': '12.5' })
    const refused = await call('POST', `${path}/apply`)
    expect([refused.status, refused.body.code]).toEqual([409, 'state_conflict'])
    expect(idsOf(await call('GET', '/api/v1/corrections'))).toEqual([draft.body.id])
  })

  it('are not corrected where the effect is another one by now', async () => {
    const call = await tenantWith(llm('a'), llm('b'))
    const asked = { filter: { from: day, to }, action: 'void', reason: 'a test run' }
    const { body: draft } = await call('POST', '/api/v1/corrections', asked)
    await call('POST', '/api/v1/events/a/void', { reason: 'x' })
    const path = `/api/v1/corrections/${draft.id}`
    const refused = await call('POST', `${path}/apply`)
    expect([refused.status, refused.body.code]).toEqual([409, 'effect_changed'])
    expect((await call('GET', path)).body).toMatchObject({ state: 'draft', events: 1 })
    expect((await call('POST', `${path}/apply`)).body).toMatchObject({ state: 'applied', events: 1 })
    const nothing = await call('POST', '/api/v1/corrections', asked)
    expect([nothing.status, nothing.body.code]).toEqual([409, 'state_conflict'])
  })

  it.each([
    ['a period that is none', { filter: { from: to, to: day }, action: 'void' }, '#/filter/to'],
    [
      'a void that sets something',
      { filter: { from: day, to }, action: 'void', set: { quantity: 1 } },
      '#/set',
    ],
    ['a move to nobody', { filter: { from: day, to }, action: 'move', set: { quantity: 1 } }, '#/set'],
    ['an amendment of nothing', { filter: { from: day, to }, action: 'amend' }, '#/set'],
    [
      'no path',
      { filter: { from: day, to, properties: { 'a..b': 1 } }, action: 'void' },
      '#/filter/properties',
    ],
  ])('are not drafted for %s', async (_, body, pointer) => {
    const call = await tenantWith(llm('a'))
    const answer = await call('POST', '/api/v1/corrections', { reason: 'x', ...body })
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([expect.stringContaining(`${pointer}: `)])
  })
})
