import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Call,
  caller,
  errorsOf,
  newTenant,
  openServer,
  type Server,
  type TestTenant,
} from './harness.ts'

let server: Server
let tenant: TestTenant
let call: Call
let admin: Call

beforeAll(async () => {
  server = await openServer()
  admin = caller(server, server.adminToken)
})
afterAll(() => server.close())

async function tenantWith(meters: object[], input: Record<string, unknown> = {}): Promise<void> {
  tenant = await newTenant(server, input)
  call = tenant.call
  for (const meter of meters) expect((await call('POST', '/api/v1/meters', meter)).status).toBe(201)
}

beforeEach(() => tenantWith([{ key: 'api_call', resource_type: 'api_call', aggregation: 'sum' }]))

const usage = (body: unknown, headers?: Record<string, string>) =>
  call('POST', '/api/v1/usage', body, headers)
const event = (more: object = {}) => ({ customer_id: 'alice', resource_type: 'api_call', ...more })
const total = async (customer = 'alice', query = '') => {
  const { body } = await call('GET', `/api/v1/usage?customer_id=${encodeURIComponent(customer)}${query}`)
  return body.data.map((row: { quantity: string }) => row.quantity)
}

describe('POST /api/v1/usage', () => {
  it('counts an event, and says so', async () => {
    const { status, body } = await usage(event({ id: 'a', quantity: 100 }))
    expect({ status, body }).toEqual({
      status: 200,
      body: { accepted: 1, duplicates: 0, events: [{ id: 'a', status: 'accepted' }] },
    })
    expect(await total()).toEqual(['100'])
  })

  it('answers a retry with success and counts nothing more', async () => {
    for (let i = 0; i < 3; i++) await usage(event({ id: 'a', quantity: 5 }))
    expect((await usage([event({ id: 'a', quantity: '5.0' })])).body).toMatchObject({
      accepted: 0,
      duplicates: 1,
    })
    expect(await total()).toEqual(['5'])
  })

  it('makes an id where none was sent, and counts each sending', async () => {
    const ids = [(await usage(event())).body.events[0].id, (await usage(event())).body.events[0].id]
    expect(new Set(ids).size).toBe(2)
    expect(await total()).toEqual(['2'])
  })

  it('answers the same id with other content with 409, naming the event', async () => {
    await usage(event({ id: 'a', quantity: 5 }))
    const answer = await usage([event({ id: 'b' }), event({ id: 'a', quantity: 6 })])
    expect(answer).toMatchObject({ status: 409, body: { code: 'event_conflict' } })
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/1/id: ')])
    expect(await total()).toEqual(['5'])
  })

  it.each([
    ['no customer', { customer_id: undefined }, '#/customer_id: is required'],
    ['an empty customer', { customer_id: '' }, '#/customer_id'],
    ['a customer whom no URL can name', { customer_id: '..' }, '#/customer_id'],
    ['a customer with a line break', { customer_id: 'a\nb' }, '#/customer_id'],
    ['a lone surrogate', { customer_id: '\ud800' }, '#/customer_id'],
    ['NUL in a property', { properties: { a: 'x\u0000' } }, '#/properties/a'],
    ['a negative quantity', { quantity: -1 }, '#/quantity: must not be below 0'],
    ['a quantity that is no number', { quantity: 'ten' }, '#/quantity: must be a plain decimal'],
    ['an exponent without end', { quantity: '1e999999999' }, '#/quantity: is out of range'],
    ['a time that is none', { timestamp: '2026-02-30T10:00:00Z' }, '2026-02 has the days 01 to 28'],
    [
      'too many digits for a JSON number',
      { quantity: 0.1234567890123456 },
      '#/quantity: has more than 15 significant digits',
    ],
    [
      'a number beyond what JSON keeps',
      { quantity: 1.2345678901234567e19 },
      '#/quantity: has more than 15 significant digits',
    ],
    ['16 digits before the point', { quantity: '1234567890123456' }, '#/quantity: is out of range'],
    ['13 digits after the point', { quantity: '0.1234567890123' }, '#/quantity: is out of range'],
    ['a quantity of true', { quantity: true }, '#/quantity: must be a decimal'],
    [
      'a timestamp without an offset',
      { timestamp: '2026-11-01T00:00:00' },
      '#/timestamp: must be an RFC 3339 time',
    ],
    [
      'a timestamp of 1970',
      { timestamp: '1970-01-01T00:00:00Z' },
      '#/timestamp: lies more than 35 days back',
    ],
    [
      'a timestamp of tomorrow',
      { timestamp: new Date(Date.now() + 86_400_000).toISOString() },
      '#/timestamp: lies more than 5 minutes ahead',
    ],
    ['an unknown field', { quantty: 1 }, '#/quantty: is not a field of an event'],
    [
      'a property too deep',
      { properties: { a: [[[[[[[[[[1]]]]]]]]]] } },
      '#/properties/a: must not be nested',
    ],
  ])('refuses %s, says where and what is right, and counts nothing', async (_name, more, detail) => {
    const answer = await usage([event({ id: 'good' }), event(more)])
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([expect.stringContaining(detail.replace('#', '#/1'))])
    expect(await total()).toEqual([])
  })

  it('takes the smallest and the largest quantities exactly', async () => {
    await usage([
      event({ quantity: '0.000000000001' }),
      event({ quantity: '999999999999999.999999999999' }),
      event({ quantity: 0 }),
      event({ quantity: 1.5e-7 }),
    ])
    expect(await total()).toEqual(['1000000000000000.00000015'])
  })

  it('names what it knows where the resource type is wrong', async () => {
    const answer = await usage(event({ resource_type: 'api_cal' }))
    expect(answer).toMatchObject({ status: 422, body: { code: 'unknown_resource_type' } })
    expect(errorsOf(answer)[0]).toContain('these have one: api_call')
  })

  it('counts with a meter from the moment it was created', async () => {
    await usage(event())
    await call('POST', '/api/v1/meters', { key: 'gb', resource_type: 'storage', aggregation: 'weighted_sum' })
    expect((await usage(event({ resource_type: 'storage', quantity: -2 }))).status).toBe(200)
  })

  it('gives each event of a lenient batch its verdict', async () => {
    await usage(event({ id: 'a', quantity: 5 }))
    const answer = await usage(
      [
        event({ id: 'a', quantity: 6 }),
        event({ id: 'b' }),
        { id: 'c' },
        event({ id: 'a', quantity: 5 }),
        'no event',
        event({ id: 'd', resource_type: 'x' }),
      ],
      { prefer: 'respond-async, handling=lenient; x=1, handling=strict' },
    )
    expect(answer.status).toBe(200)
    expect(answer.headers.get('preference-applied')).toBe('handling=lenient')
    expect(answer.body).toMatchObject({
      accepted: 1,
      duplicates: 1,
      events: [
        { id: 'a', status: 'conflict' },
        { id: 'b', status: 'accepted' },
        { id: 'c', status: 'invalid' },
        { id: 'a', status: 'duplicate' },
        { id: null, status: 'invalid' },
        { id: 'd', status: 'invalid' },
      ],
    })
    expect(await total()).toEqual(['6'])
  })

  it('takes 1,000 events, and refuses 1,001 and none', async () => {
    expect((await usage(Array.from({ length: 1_000 }, () => event()))).body.accepted).toBe(1_000)
    expect(await usage(Array.from({ length: 1_001 }, () => event()))).toMatchObject({
      status: 413,
      body: { code: 'batch_too_large' },
    })
    expect((await usage([])).status).toBe(422)
    expect(await total()).toEqual(['1000'])
  })

  it('takes CloudEvents, single and in batches', async () => {
    await tenantWith([
      {
        key: 'tokens',
        resource_type: 'llm.request',
        aggregation: 'sum',
        value: 'tokens',
        group_by: ['model'],
      },
    ])
    const cloudEvent = (id: string, more: object = {}) => ({
      specversion: '1.0',
      id,
      source: '/gw',
      type: 'llm.request',
      subject: 'alice',
      data: { tokens: 10, model: 'm' },
      traceparent: 'x',
      ...more,
    })
    const send = (body: unknown, type: string) =>
      call('POST', '/api/v1/usage', JSON.stringify(body), { 'content-type': type })
    expect((await send(cloudEvent('1'), 'application/cloudevents+json; charset=utf-8')).body).toMatchObject({
      accepted: 1,
      events: [{ id: '/gw 1' }],
    })
    expect(
      (
        await send(
          [cloudEvent('1'), cloudEvent('2'), cloudEvent('1', { source: '/other' })],
          'application/cloudevents-batch+json',
        )
      ).body,
    ).toMatchObject({ accepted: 2, duplicates: 1 })
    const wrong = await send([cloudEvent('3', { subject: undefined })], 'application/cloudevents-batch+json')
    expect(wrong.status).toBe(422)
    expect(errorsOf(wrong)).toEqual([expect.stringContaining('#/0/subject: is required')])
    expect(await total()).toEqual(['30'])
  })

  it('refuses what is too large, is no JSON or has another type', async () => {
    expect((await call('POST', '/api/v1/usage', '{"customer_id": ')).status).toBe(400)
    expect((await call('POST', '/api/v1/usage', 'x'.repeat(1_100_000))).status).toBe(413)
    expect((await call('POST', '/api/v1/usage', 'a=b', { 'content-type': 'text/plain' })).status).toBe(415)
  })
})

describe('every aggregation', () => {
  const meters = [
    { key: 'sum', resource_type: 'r', aggregation: 'sum', value: 'v' },
    { key: 'count', resource_type: 'r', aggregation: 'count' },
    { key: 'min', resource_type: 'r', aggregation: 'min', value: 'v' },
    { key: 'max', resource_type: 'r', aggregation: 'max', value: 'v' },
    { key: 'latest', resource_type: 'r', aggregation: 'latest', value: 'v' },
    { key: 'unique', resource_type: 'r', aggregation: 'unique_count', value: 'user' },
    { key: 'avg', resource_type: 'r', aggregation: 'avg', value: 'v' },
    { key: 'level', resource_type: 'gauge', aggregation: 'weighted_sum' },
  ]

  it('gives its number, before and after settling', async () => {
    await tenantWith(meters)
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 24 * 3_600_000
    const at = (minutes: number) => new Date(hour + minutes * 60_000).toISOString()
    const r = (v: string, minutes: number, user: string) => ({
      customer_id: 'alice',
      resource_type: 'r',
      timestamp: at(minutes),
      properties: { v, user },
    })
    const gauge = (quantity: string, minutes: number) => ({
      customer_id: 'alice',
      resource_type: 'gauge',
      timestamp: at(minutes),
      quantity,
    })
    // A level of 4 from the first hour's half on, of 1 from a quarter before its end.
    expect(
      (await usage([r('1.5', 50, 'u1'), r('4', 10, 'u2'), r('1', 70, 'u1'), gauge('4', 30), gauge('-3', 45)]))
        .status,
    ).toBe(200)
    const read = async () => {
      const { body } = await call(
        'GET',
        `/api/v1/usage?customer_id=alice&from=${at(0)}&to=${at(120)}&window=hour`,
      )
      return body.data.map((row: { meter: string; window_start: string; quantity: string }) => [
        row.meter,
        row.window_start === at(0) ? 0 : 1,
        row.quantity,
      ])
    }
    const expected = [
      ['sum', 0, '5.5'],
      ['sum', 1, '1'],
      ['count', 0, '2'],
      ['count', 1, '1'],
      ['min', 0, '1.5'],
      ['min', 1, '1'],
      ['max', 0, '4'],
      ['max', 1, '1'],
      ['latest', 0, '1.5'],
      ['latest', 1, '1'],
      ['unique', 0, '2'],
      ['unique', 1, '1'],
      ['avg', 0, '2.75'],
      ['avg', 1, '1'],
      // 15 minutes at 4 and 15 at 1, of 60; and then an hour at 1.
      ['level', 0, '1.25'],
      ['level', 1, '1'],
    ]
    const sorted = (rows: unknown[][]) => [...rows].sort((x, y) => (String(x) < String(y) ? -1 : 1))
    expect(sorted(await read())).toEqual(sorted(expected))
    await admin('POST', '/api/v1/flush')
    expect(sorted(await read())).toEqual(sorted(expected))
  })

  it('refuses an event that lacks what a meter aggregates, naming both', async () => {
    await tenantWith(meters)
    const answer = await usage({ customer_id: 'alice', resource_type: 'r', properties: { v: '1' } })
    expect(errorsOf(answer)).toEqual(['#/properties/user: is required: the meter unique aggregates it'])
  })
})

describe('GET /api/v1/usage', () => {
  it('keeps groups apart where asked, and sums over them where not', async () => {
    await tenantWith([
      { key: 'tokens', resource_type: 't', aggregation: 'sum', group_by: ['model', 'region'] },
    ])
    const t = (quantity: number, properties?: object) => ({
      customer_id: 'alice',
      resource_type: 't',
      quantity,
      properties,
    })
    await usage([
      t(1, { model: 'a', region: 'eu' }),
      t(2, { model: 'a', region: 'us' }),
      t(4, { model: 'b' }),
      t(8),
    ])
    expect(await total()).toEqual(['15'])
    const { body } = await call('GET', '/api/v1/usage?customer_id=alice&meter=tokens&group_by=model')
    expect(body.data.map((row: { group: object; quantity: string }) => [row.group, row.quantity])).toEqual([
      [{ model: 'a' }, '3'],
      [{ model: 'b' }, '4'],
      [{ model: null }, '8'],
    ])
    const wrong = await call('GET', '/api/v1/usage?meter=tokens&group_by=modl')
    expect(wrong.status).toBe(422)
    expect(errorsOf(wrong)[0]).toContain('it keeps: model, region')
    expect((await call('GET', '/api/v1/usage?group_by=model')).status).toBe(422)
    expect((await call('GET', '/api/v1/usage?meter=nope')).status).toBe(404)
  })

  it('pages through customers, live and settled, in one order', async () => {
    const customers = ['b', 'a', 'é', 'ab', 'zz']
    await usage(customers.slice(0, 3).map((customer_id) => event({ customer_id })))
    await admin('POST', '/api/v1/flush')
    await usage(customers.slice(2).map((customer_id) => event({ customer_id })))
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await call('GET', `/api/v1/usage?limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(
        ...body.data.map(
          (row: { customer_id: string; quantity: string }) => `${row.customer_id} ${row.quantity}`,
        ),
      )
      cursor = body.next_cursor ?? ''
    } while (cursor)
    expect(seen).toEqual(['a 1', 'ab 1', 'b 1', 'zz 1', 'é 2'])
  })

  it.each([
    ['period=2026-13', 'period: '],
    ['period=2026-11&from=2026-11-01T00:00:00Z', 'period: '],
    ['to=2026-11-01T00:00:00Z', 'from: is required'],
    ['from=2026-02-30', 'from: must be'],
    ['from=2026-11-01T00:30:00Z&to=2026-12-01T00:00:00Z', 'from: must be a full hour'],
    ['from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'to: must be later'],
    ['from=2020-11-02T00:00:00Z&to=2026-11-01T00:00:00Z', 'to: must be at most 400 days'],
    [
      'from=2026-01-01T00:00:00Z&to=2026-11-01T00:00:00Z&window=hour',
      'window: must cut the period into at most 1000',
    ],
    ['window=week', 'window: must be one of'],
    ['limit=0', 'limit: '],
    ['cursor=zzz', 'cursor: '],
    ['customer=alice', 'customer: is not known here'],
  ])('refuses ?%s and says what is right', async (query, detail) => {
    const answer = await call('GET', `/api/v1/usage?${query}`)
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)[0]).toContain(detail)
  })

  it('cuts days and months by the tenant’s own time zone', async () => {
    await tenantWith([{ key: 'api_call', resource_type: 'api_call', aggregation: 'sum' }], {
      timezone: 'Asia/Kathmandu',
    })
    const now = Date.now()
    await usage(event({ timestamp: new Date(now).toISOString() }))
    const { body } = await call('GET', '/api/v1/usage?customer_id=alice&window=day')
    const start = Date.parse(body.data[0].window_start)
    expect(body.data).toHaveLength(1)
    expect((start + 5.75 * 3_600_000) % 86_400_000).toBe(0)
    expect(start <= now && now < Date.parse(body.data[0].window_end)).toBe(true)
  })
})
