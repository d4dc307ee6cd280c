// The event log: what was accepted, as it was sent, found at once and after it is settled.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller, errorsOf, newTenant, openServer, type Server } from './harness.ts'
import { settle } from './settling.ts'

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

const day = new Date().toISOString().slice(0, 10)

async function tenantWithEvents() {
  const tenant = await newTenant(server)
  const { call } = tenant
  await call('POST', '/api/v1/meters', {
    key: 'tokens',
    resource_type: 'llm',
    aggregation: 'sum',
    group_by: ['model'],
  })
  await call('POST', '/api/v1/meters', {
    key: 'users',
    resource_type: 'llm',
    aggregation: 'unique_count',
    value: 'user.id',
    missing: 'skip',
  })
  await call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'count' })
  return tenant
}

const llm = (id: string, more: object = {}) => ({
  id,
  customer_id: 'alice',
  resource_type: 'llm',
  quantity: '12.5',
  timestamp: `${day}T00:30:00Z`,
  properties: { model: 'large', user: { id: 7 } },
  ...more,
})

const idsOf = (answer: { body: { data: { id: string }[] } }) => answer.body.data.map(({ id }) => id)

/** Every page of a list. */
async function all(call: Call, path: string) {
  const data: Record<string, unknown>[] = []
  let cursor: string | null = null
  do {
    const page = await call(
      'GET',
      cursor === null ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`,
    )
    expect(page.status).toBe(200)
    data.push(...page.body.data)
    cursor = page.body.next_cursor
  } while (cursor !== null)
  return data
}

describe.each([
  ['right after it is accepted', async () => {}],
  ['once it is settled', () => settle(server)],
])('an event, %s', (_, settle) => {
  it('is shown as it was sent, with what became of it', async () => {
    const { call } = await tenantWithEvents()
    await call('POST', '/api/v1/usage', llm('a'))
    await settle()
    const { status, body } = await call('GET', '/api/v1/events/a')
    expect(status).toBe(200)
    expect(body).toEqual({
      id: 'a',
      customer_id: 'alice',
      resource_type: 'llm',
      quantity: '12.5',
      timestamp: `${day}T00:30:00.000Z`,
      properties: { model: 'large', user: { id: 7 } },
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      meters: [
        { key: 'tokens', value: '12.5', hour: `${day}T00:00:00.000Z`, group: { model: 'large' } },
        { key: 'users', value: '7', hour: `${day}T00:00:00.000Z`, group: {} },
      ],
    })
    expect((await call('GET', '/api/v1/events')).body).toEqual({ data: [body], next_cursor: null })
  })

  it('is found by what it is, and not by what it isn’t', async () => {
    const { call } = await tenantWithEvents()
    await call('POST', '/api/v1/usage', [
      llm('a'),
      llm('b', { customer_id: 'bob', properties: { model: 'small', note: 'Ünïcode "quoted"' } }),
      { id: 'c', customer_id: 'bob', resource_type: 'call', timestamp: `${day}T00:10:00Z` },
    ])
    await settle()
    const found = async (query: string) => idsOf(await call('GET', `/api/v1/events?${query}`)).sort()
    expect(await found('')).toEqual(['a', 'b', 'c'])
    expect(await found('customer_id=bob')).toEqual(['b', 'c'])
    expect(await found('customer_id=carol')).toEqual([])
    expect(await found('resource_type=llm')).toEqual(['a', 'b'])
    expect(await found('property.model=large')).toEqual(['a'])
    expect(await found('property.user.id=7')).toEqual(['a'])
    expect(await found('property.model=large&customer_id=bob')).toEqual([])
    expect(await found(`q=${encodeURIComponent('ünïcode "QUOTED"')}`)).toEqual(['b'])
    expect(await found(`q=${encodeURIComponent('ünïcode')}`)).toEqual(['b'])
    expect(await found('q=BOB')).toEqual(['b', 'c'])
    expect(await found(`from=${day}T00:20:00Z`)).toEqual(['a', 'b'])
    expect(await found(`to=${day}T00:20:00Z`)).toEqual(['c'])
    expect(await found(`from=${day}`)).toEqual(['a', 'b', 'c'])
  })

  it('is in the log once, and what was not accepted never', async () => {
    const { call } = await tenantWithEvents()
    await call('POST', '/api/v1/usage', llm('a'))
    await call('POST', '/api/v1/usage', llm('a'))
    expect((await call('POST', '/api/v1/usage', llm('a', { quantity: 3 }))).status).toBe(409)
    expect((await call('POST', '/api/v1/usage', [llm('b'), llm('a', { quantity: 4 })])).status).toBe(409)
    expect(
      (await call('POST', '/api/v1/usage', [llm('c'), { ...llm('d'), resource_type: 'no' }])).status,
    ).toBe(422)
    const lenient = [llm('e'), llm('a', { quantity: 5 }), { ...llm('f'), resource_type: 'no' }]
    await call('POST', '/api/v1/usage', lenient, { prefer: 'handling=lenient' })
    await settle()
    expect((await all(call, '/api/v1/events')).map(({ id }) => id).sort()).toEqual(['a', 'e'])
  })

  it('is not another tenant’s', async () => {
    const [mine, other] = [await tenantWithEvents(), await tenantWithEvents()]
    await mine.call('POST', '/api/v1/usage', llm('a'))
    await settle()
    expect((await other.call('GET', '/api/v1/events/a')).status).toBe(404)
    expect((await other.call('GET', '/api/v1/events')).body.data).toEqual([])
  })
})

it('pages hold every event once, in the order of arrival, some settled and some not', async () => {
  const { call } = await tenantWithEvents()
  for (let batch = 0; batch < 6; batch++) {
    const events = Array.from({ length: 15 }, (_, i) => llm(`${batch}-${String(i).padStart(2, '0')}`))
    await call('POST', '/api/v1/usage', events)
    if (batch % 2 === 0) await settle(server)
  }
  const up = await all(call, '/api/v1/events?limit=7&order=asc')
  const down = await all(call, '/api/v1/events?limit=11')
  expect(up).toHaveLength(90)
  expect(down).toEqual(up.toReversed())
  const arrived = up.map(({ received_at }) => received_at as string)
  expect(arrived).toEqual(arrived.toSorted())
  expect((await all(call, '/api/v1/events?limit=4&q=3-0')).map(({ id }) => id)).toHaveLength(10)
})

it('an id that is not in the log is a 404 that says what can be told', async () => {
  const { call } = await tenantWithEvents()
  const { status, body } = await call('GET', '/api/v1/events/never')
  expect(status).toBe(404)
  expect(body.detail).toMatch(/No event with the id "never" was accepted.*leaves no trace/)
})

it.each([
  [
    'customer=alice',
    'customer: is no parameter here; these are: customer_id, resource_type, from, to, q, order, limit, cursor, property.<name>',
  ],
  ['property.=x', 'property.: must name a property: property.model=large, say'],
  ['property.a=1&property.a=2', 'property.a: must be there once'],
  ['from=yesterday', 'from: '],
  [`from=${day}&to=${day}`, 'to: must be later than from'],
  ['order=up', 'order: '],
  ['cursor=abc', 'cursor: must be the next_cursor of an earlier page of this list'],
])('a query with %s is refused by name', async (query, issue) => {
  const { call } = await newTenant(server)
  const answer = await call('GET', `/api/v1/events?${query}`)
  expect(answer.status).toBe(422)
  expect(errorsOf(answer)[0]).toContain(issue)
})

it('a cursor of one order is none of the other', async () => {
  const { call } = await tenantWithEvents()
  await call('POST', '/api/v1/usage', [llm('a'), llm('b')])
  const { body } = await call('GET', '/api/v1/events?limit=1')
  expect((await call('GET', `/api/v1/events?limit=1&order=asc&cursor=${body.next_cursor}`)).status).toBe(422)
})

describe('the stream', () => {
  /** Reads until so many events came. */
  async function follow(key: string, count: number, headers: Record<string, string> = {}, query = '') {
    const response = await server.request(`/api/v1/events/stream${query}`, {
      headers: { authorization: `Bearer ${key}`, ...headers },
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const seen: { id: string; data: { id: string } }[] = []
    const reading = (async () => {
      let text = ''
      while (seen.length < count) {
        const { done, value } = await reader.read()
        if (done) throw new Error('The stream has ended')
        text += value
        const messages = text.split('\n\n')
        text = messages.pop()!
        for (const message of messages) {
          const [, id, data] = /^id: (.*)\nevent: event\ndata: (.*)$/.exec(message) ?? []
          if (data) seen.push({ id: id!, data: JSON.parse(data) })
        }
      }
      await reader.cancel()
      return seen
    })()
    return reading
  }

  it('sends what is accepted while it is open, settled or not, and goes on after the last one', async () => {
    const { call, key } = await tenantWithEvents()
    await call('POST', '/api/v1/usage', llm('before'))
    const following = follow(key, 3)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await call('POST', '/api/v1/usage', llm('a'))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    await call('POST', '/api/v1/usage', llm('b'))
    await settle(server)
    await call('POST', '/api/v1/usage', llm('c', { id: 'c ü' }))
    const seen = await following
    expect(seen.map(({ data }) => data.id)).toEqual(['a', 'b', 'c ü'])
    const after = await follow(key, 2, { 'last-event-id': seen[0]!.id })
    expect(after.map(({ data }) => data.id)).toEqual(['b', 'c ü'])
  }, 30_000)

  it('refuses a place that is none', async () => {
    const { call } = await newTenant(server)
    const answer = await call('GET', '/api/v1/events/stream', undefined, { 'last-event-id': 'x' })
    expect(answer).toMatchObject({ status: 422 })
    expect(errorsOf(answer)).toEqual(['last-event-id: must be the id of an event that this stream sent'])
  })
})

describe('reconciliation', () => {
  it('has every accepted event in the log, and says where', async () => {
    const { id, call } = await tenantWithEvents()
    const admin = caller(server, server.adminToken)
    const account = async () => {
      const { status, body } = await admin('GET', `/api/v1/reconciliation?tenant_id=${id}`)
      expect([status, body.data[0].drift_since]).toEqual([200, null])
      return body.data[0].log
    }
    const nothing = {
      accepted: '0',
      in_index: '0',
      unsettled: '0',
      quarantined: '0',
      drift: '0',
      reason: null,
    }
    expect(await account()).toEqual(nothing)
    const two = [llm('1'), { id: '2', customer_id: 'bob', resource_type: 'call' }]
    for (let times = 0; times < 2; times++)
      expect(await call('POST', '/api/v1/usage', two)).toMatchObject({ status: 200 })
    expect(await call('POST', '/api/v1/usage', llm('1', { quantity: 3 }))).toMatchObject({ status: 409 })
    expect(await account()).toMatchObject({ accepted: '2', drift: '0', reason: null })
    await settle(server)
    expect(await account()).toEqual({ ...nothing, accepted: '2', in_index: '2' })
  })
})
