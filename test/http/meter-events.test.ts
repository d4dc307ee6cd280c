// What a meter takes from events: by paths, without what they lack, and only what passes its filter.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Call, errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
let call: Call

beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server.close())
beforeEach(async () => {
  call = (await newTenant(server)).call
})

const completion = { resource_type: 'completion', aggregation: 'sum' }
const meters = async (...all: object[]) => {
  for (const meter of all) {
    const made = await call('POST', '/api/v1/meters', { ...completion, ...meter })
    expect(made, JSON.stringify(made.body)).toMatchObject({ status: 201 })
  }
}
const event = (properties: object, more: object = {}) => ({
  ...{ customer_id: 'alice', resource_type: 'completion', properties },
  ...more,
})
const send = (body: unknown, headers?: Record<string, string>) => call('POST', '/api/v1/usage', body, headers)
const totals = async (): Promise<Record<string, string>> => {
  const { body } = await call('GET', '/api/v1/usage?customer_id=alice')
  return Object.fromEntries(
    body.data.map((row: { meter: string; quantity: string }) => [row.meter, row.quantity]),
  )
}

describe('a meter that names a path', () => {
  it.each(['usage.total_tokens', '$.usage.total_tokens', '$[\'usage\']["total_tokens"]'])(
    '(%s) sums what is nested, and keeps the path as it was written',
    async (value) => {
      await meters({ key: 'tokens', value })
      expect((await call('GET', '/api/v1/meters/tokens')).body.value).toBe(value)
      expect(
        (await send([event({ usage: { total_tokens: 12 } }), event({ usage: { total_tokens: '0.5' } })]))
          .status,
      ).toBe(200)
      expect(await totals()).toEqual({ tokens: '12.5' })
    },
  )

  it('takes a property of just this name first, dots and all', async () => {
    await meters({ key: 'tokens', value: 'gen_ai.usage.tokens' })
    await send([
      event({ 'gen_ai.usage.tokens': 1, gen_ai: { usage: { tokens: 100 } } }),
      event({ gen_ai: { usage: { tokens: 10 } } }),
      event({ 'gen_ai.usage.tokens': null, gen_ai: { usage: { tokens: 10 } } }),
    ])
    expect(await totals()).toEqual({ tokens: '21' })
  })

  it('points at the place where something is wrong, in events and in CloudEvents', async () => {
    await meters({ key: 'tokens', value: "usage['a/b'][1]", group_by: ['usage.model'] })
    const sent = [
      event({}),
      event({ usage: { 'a/b': [1] } }),
      event({ usage: { 'a/b': [1, 'many'] } }),
      event({ "usage['a/b'][1]": -1 }),
      event({ usage: { 'a/b': [1, 2], model: {} } }),
      event({ usage: 5 }),
    ]
    expect(errorsOf(await send(sent)).map((error) => error.slice(0, 60))).toEqual([
      expect.stringContaining('#/0/properties/usage/a~1b/1: is required'),
      expect.stringContaining('#/1/properties/usage/a~1b/1: is required'),
      expect.stringContaining('#/2/properties/usage/a~1b/1: must be a plain decimal'),
      expect.stringContaining("#/3/properties/usage['a~1b'][1]: must not be below 0"),
      expect.stringContaining('#/4/properties/usage/model: must be a string'),
      expect.stringContaining('#/5/properties/usage/a~1b/1: is required'),
    ])
    const cloudEvent = { specversion: '1.0', id: '1', source: '/s', type: 'completion', subject: 'alice' }
    const answer = await send(
      { ...cloudEvent, data: { usage: { 'a/b': [1, 'x'] } } },
      { 'content-type': 'application/cloudevents+json' },
    )
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/data/usage/a~1b/1: must be')])
    expect(await totals()).toEqual({})
  })

  it('quantity is the event’s own, and $.quantity a property', async () => {
    await meters({ key: 'own' }, { key: 'property', value: '$.quantity' })
    await send(event({ quantity: 7 }, { quantity: 2 }))
    expect(await totals()).toEqual({ own: '2', property: '7' })
  })

  it('groups, and answers and prices name the group as it was written', async () => {
    const [nested, comma] = ['$.usage.model', "$['a,b'].c"]
    await meters({ key: 'tokens', value: 'usage.tokens', group_by: [nested, comma, 'x,y'] })
    const price = (unit_amount: string) => ({ model: 'per_unit', unit_amount })
    const plan = (match: object) => ({
      ...{ key: 'pro', currency: 'USD', default: true },
      prices: [{ meter: 'tokens', price: price('1'), groups: [{ match, price: price('10') }] }],
    })
    const foreign = await call('POST', '/api/v1/plans', plan({ 'usage.model': 'large' }))
    expect(errorsOf(foreign)).toEqual([
      expect.stringContaining('must be a property that the meter groups by: $.usage.model'),
    ])
    expect((await call('POST', '/api/v1/plans', plan({ [nested]: 'large' }))).status).toBe(201)
    await send([
      event({ usage: { model: 'large', tokens: 2 }, 'a,b': { c: 1 }, 'x,y': 'z' }),
      event({ usage: { tokens: 3 } }),
    ])
    const groups = async (...names: string[]) => {
      const query = names.map((name) => `&group_by=${encodeURIComponent(name)}`).join('')
      const answer = await call('GET', `/api/v1/usage?customer_id=alice&meter=tokens${query}`)
      if (answer.status !== 200) return errorsOf(answer)
      return answer.body.data.map((row: { group: object; quantity: string }) => [row.group, row.quantity])
    }
    const both = (large: object, other: object) =>
      expect.arrayContaining([
        [large, '2'],
        [other, '3'],
      ])
    expect(await groups(nested)).toEqual(both({ [nested]: 'large' }, { [nested]: null }))
    expect(await groups(comma, 'x,y')).toEqual(
      both({ [comma]: '1', 'x,y': 'z' }, { [comma]: null, 'x,y': null }),
    )
    expect(await groups(nested, 'x,y', nested)).toEqual(
      both({ [nested]: 'large', 'x,y': 'z' }, { [nested]: null, 'x,y': null }),
    )
    expect(await groups('usage.model')).toEqual([
      expect.stringContaining('group_by: is no property that tokens groups by'),
    ])
    expect((await call('GET', '/api/v1/billing/alice')).body.total).toBe('23.00')
  })
})

describe('an event that lacks what a meter aggregates', () => {
  const priced = { key: 'cost', value: 'cost', missing: 'skip' }
  const tokens = { key: 'tokens', value: 'total_tokens' }

  it('counts in the other meters where this one skips it, and the answer says so, a retry’s too', async () => {
    await meters(tokens, priced)
    const sent = event({ model: 'x', cost: null, total_tokens: 12 }, { id: 'a' })
    for (const status of ['accepted', 'duplicate'])
      expect((await send(sent)).body.events).toEqual([{ id: 'a', status, skipped: ['cost'] }])
    const full = event({ model: 'x', cost: '0.25', total_tokens: 3 }, { id: 'b' })
    expect((await send(full)).body.events).toEqual([{ id: 'b', status: 'accepted' }])
    expect(await totals()).toEqual({ tokens: '15', cost: '0.25' })
  })

  it('is refused for all meters where one refuses it, which is what a meter does by default', async () => {
    await meters(tokens, { ...priced, missing: undefined })
    const answer = await send(event({ cost: null, total_tokens: 12 }))
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([
      expect.stringMatching(/^#\/properties\/cost: is required: the meter cost/),
    ])
    expect(await totals()).toEqual({})
  })

  it('is refused for what is there and is no amount, also where the meter skips', async () => {
    await meters(tokens, priced)
    const answer = await send(event({ cost: 'free', total_tokens: 12 }))
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/properties/cost: must be a plain decimal')])
    expect(await totals()).toEqual({})
  })

  it('is accepted once and counted by none where all skip it: its id is used', async () => {
    await meters(priced)
    const sent = event({ cost: null }, { id: 'a' })
    for (const status of ['accepted', 'duplicate'])
      expect((await send(sent)).body.events).toEqual([{ id: 'a', status, skipped: ['cost'] }])
    expect((await send(event({ cost: 1 }, { id: 'a' }))).status).toBe(409)
    expect(await totals()).toEqual({})
  })

  it('is skipped within a batch, lenient or not, and whatever is around it counts', async () => {
    await meters(tokens, priced)
    const batch = [
      event({ cost: 1, total_tokens: 1 }, { id: 'a' }),
      event({ total_tokens: 2 }, { id: 'b' }),
      event({ cost: 4 }, { id: 'c' }),
      event({}, { id: 'd' }),
    ]
    const { status, body } = await send(batch, { prefer: 'handling=lenient' })
    expect(status).toBe(200)
    expect(
      body.events.map((one: { status: string; skipped?: string[] }) => [one.status, one.skipped]),
    ).toEqual([
      ['accepted', undefined],
      ['accepted', ['cost']],
      ['invalid', undefined],
      ['invalid', undefined],
    ])
    expect(await totals()).toEqual({ tokens: '3', cost: '1' })
  })
})

describe('a meter with a filter', () => {
  it('counts the events that pass; the others count elsewhere, without a notice', async () => {
    await meters(
      { key: 'all', aggregation: 'count' },
      { key: 'chats', aggregation: 'count', filter: [{ property: 'usage.kind', op: 'eq', value: 'chat' }] },
      {
        key: 'large',
        value: 'usage.tokens',
        filter: [
          { property: 'usage.tokens', op: 'gt', value: '100' },
          { property: 'status', op: 'in', value: [200, 201] },
        ],
      },
      { key: 'anonymous', filter: [{ property: 'user', op: 'exists', value: false }] },
    )
    const { status, body } = await send([
      event({ usage: { kind: 'chat', tokens: '100.000000000001' }, status: '200', user: 'u' }, { id: '1' }),
      event({ usage: { kind: 'image', tokens: 100 }, status: 200, user: 'u' }, { id: '2' }),
      event({ usage: { kind: 'chat', tokens: 1e6 }, status: 500 }, { id: '3', quantity: 5 }),
      event({}, { id: '4', quantity: 7 }),
    ])
    expect(status).toBe(200)
    expect(body.events).toEqual(['1', '2', '3', '4'].map((id) => ({ id, status: 'accepted' })))
    expect(await totals()).toEqual({ all: '4', chats: '2', large: '100.000000000001', anonymous: '12' })
  })

  it('that no event passes accepts it once and counts nothing; another type is still unknown', async () => {
    await meters({ key: 'eu', filter: [{ property: 'region', op: 'eq', value: 'eu' }] })
    for (const status of ['accepted', 'duplicate'])
      expect((await send(event({ region: 'us' }, { id: 'a' }))).body.events).toEqual([{ id: 'a', status }])
    expect(await totals()).toEqual({})
    expect((await send(event({}, { resource_type: 'other' }))).body.code).toBe('unknown_resource_type')
  })

  it('does not refuse what it doesn’t count: a property that is no amount, a quantity below zero', async () => {
    const chat = [{ property: 'kind', op: 'eq', value: 'chat' }]
    await meters(
      { key: 'level', aggregation: 'weighted_sum' },
      { key: 'tokens', value: 'tokens', filter: chat },
    )
    expect((await send(event({ kind: 'seat', tokens: 'x' }, { quantity: -1 }))).status).toBe(200)
    const answer = await send(event({ kind: 'chat', tokens: 'x' }))
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/properties/tokens: must be')])
  })

  it('can’t tell of a number that JSON has taken for another: the event is refused', async () => {
    await meters({ key: 'one', filter: [{ property: 'user.id', op: 'ne', value: 1 }] })
    const answer = await call('POST', '/api/v1/usage', event({ user: { id: 2 ** 60 } }))
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([
      '#/properties/user/id: has more digits than a JSON number keeps: send "1152921504606847000", not 1152921504606847000',
    ])
  })
})
