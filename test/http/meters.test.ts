import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, newTenant, openServer, type Server } from './harness.ts'

let server: Server
beforeAll(async () => {
  server = await openServer()
})
afterAll(() => server?.close())

const sum = { key: 'calls', resource_type: 'call', aggregation: 'sum' }

describe('creating a meter', () => {
  it('fills in what was left out, and reads back the same', async () => {
    const { call } = await newTenant(server)
    const created = await call('POST', '/api/v1/meters', sum)
    expect(created.status).toBe(201)
    expect(created.body).toEqual({
      ...sum,
      name: null,
      value: 'quantity',
      group_by: [],
      missing: 'refuse',
      filter: [],
      counts_from: null,
      filling: null,
      revision: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      archived_at: null,
    })
    expect((await call('GET', '/api/v1/meters/calls')).body).toEqual(created.body)
  })

  it('again with the same content is a success, with other content a 409 that names what differs', async () => {
    const { call } = await newTenant(server)
    const grouped = { ...sum, name: 'Calls', group_by: ['model', 'region'] }
    const created = await call('POST', '/api/v1/meters', grouped)
    const again = await call('POST', '/api/v1/meters', { ...grouped, value: 'quantity' })
    expect(again).toMatchObject({ status: 200, body: created.body })

    const other = await call('POST', '/api/v1/meters', {
      ...grouped,
      aggregation: 'max',
      group_by: ['region', 'model'],
    })
    expect(other).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    expect(errorsOf(other)).toEqual([
      '#/aggregation: is "sum" there, not "max"',
      '#/group_by: is ["model","region"] there, not ["region","model"]',
    ])
    expect((await call('GET', '/api/v1/meters/calls')).body).toEqual(created.body)
  })

  it('at the same instant by many callers makes one', async () => {
    const { call } = await newTenant(server)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('POST', '/api/v1/meters', sum)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201])
    expect((await call('GET', '/api/v1/meters')).body.data).toHaveLength(1)
  })

  it.each([
    [{}, ['#/key: is required', '#/resource_type: is required', '#/aggregation: is required']],
    [{ ...sum, key: 'API Calls' }, [expect.stringContaining('#/key: must be 1 to 64 of a-z')]],
    [{ ...sum, key: 'a'.repeat(65) }, [expect.stringContaining('#/key')]],
    [
      { ...sum, aggregation: 'median' },
      [expect.stringContaining('#/aggregation: must be one of "sum", "count"')],
    ],
    [
      { ...sum, resource_type: 'x'.repeat(129) },
      [`#/resource_type: must have at most 128 characters (sent: "${'x'.repeat(40)}"…)`],
    ],
    [
      { ...sum, resource_type: '\ud800' },
      [expect.stringContaining('#/resource_type: must be one line of valid Unicode')],
    ],
    [
      { ...sum, aggregation: 'unique_count' },
      [expect.stringContaining('#/value: must be the name of the property')],
    ],
    [
      { ...sum, aggregation: 'count', value: 'size' },
      [expect.stringContaining('#/value: has no part in a count')],
    ],
    [{ ...sum, group_by: ['a', 'b', 'a'] }, ['#/group_by: must not name a property twice']],
    [{ ...sum, group_by: ['1', '2', '3', '4', '5', '6'] }, ['#/group_by: must have at most 5 items']],
    [{ ...sum, group_by: 'region' }, ['#/group_by: must be a list (sent: "region")']],
    [{ ...sum, group_by: ['a.b', "$['a'].b"] }, ['#/group_by: must not name a property twice']],
    [
      { ...sum, value: '$..tokens', group_by: ['model', 'a[*]'] },
      [
        expect.stringContaining('#/value: must be a name or a path: it has two dots at character 3'),
        expect.stringContaining(
          '#/group_by/1: must be a name or a path: it has "*" in brackets at character 3',
        ),
      ],
    ],
    [{ ...sum, value: 'a.__proto__' }, [expect.stringContaining('#/value: must not name "__proto__"')]],
    [{ ...sum, missing: 'ignore' }, ['#/missing: must be one of "refuse", "skip" (sent: "ignore")']],
    [
      { ...sum, missing: 'skip' },
      [expect.stringMatching(/^#\/missing: must be "refuse": the meter takes the quantity.*"exists"/)],
    ],
    [
      { ...sum, aggregation: 'count', missing: 'skip' },
      [expect.stringContaining('#/missing: must be "refuse": the meter counts events')],
    ],
    [{ ...sum, filter: { property: 'a' } }, ['#/filter: must be a list (sent: an object)']],
    [
      { ...sum, filter: [{ property: 'a', op: 'eq', value: 1 }, { property: 'a', op: 'is' }, {}] },
      [
        expect.stringContaining('#/filter/1/op: must be one of "eq", "ne", "in"'),
        '#/filter/2/property: is required',
        '#/filter/2/op: is required',
      ],
    ],
    [
      {
        ...sum,
        filter: [
          { property: 'a', op: 'eq' },
          { property: 'a', op: 'ne', value: ['x'] },
          { property: 'a', op: 'in', value: 'x' },
          { property: 'a', op: 'in', value: [] },
          { property: 'a', op: 'in', value: ['x', 1.123456789012345, 'a\n'] },
          { property: 'a', op: 'exists', value: 'yes' },
          { property: 'a', op: 'gt', value: 'many' },
          { property: 'a', op: 'lte', value: true },
          { property: 'a', op: 'gte' },
        ],
      },
      [
        '#/filter/0/value: is required (op "eq")',
        '#/filter/1/value: must be one value: a list goes with "in" (op "ne")',
        '#/filter/2/value: must be a list, such as ["chat", "completion"] (op "in") (sent: "x")',
        '#/filter/3/value: must have 1 to 100 items (op "in")',
        expect.stringContaining('#/filter/4/value/1: has more than 15 significant digits'),
        '#/filter/4/value/2: must be one line of valid Unicode, without control characters (sent: "a\\n")',
        '#/filter/5/value: must be true or false (op "exists") (sent: "yes")',
        expect.stringMatching(/^#\/filter\/6\/value: must be a plain decimal.*\(op "gt"\) \(sent: "many"\)$/),
        expect.stringMatching(/^#\/filter\/7\/value: must be a decimal.*\(op "lte"\) \(sent: true\)$/),
        expect.stringContaining('#/filter/8/value: is required'),
      ],
    ],
    [
      { ...sum, filter: [{ property: 'a[', op: 'exists', vlaue: true }] },
      [
        expect.stringContaining('#/filter/0/property: must be a name or a path'),
        expect.stringContaining(
          '#/filter/0/vlaue: must not have "vlaue": a filter term has property, op, value',
        ),
      ],
    ],
    [
      { ...sum, filter: [{ property: 'quantity', op: 'gt', value: 0 }] },
      [expect.stringMatching(/^#\/filter\/0\/property: must be a property.*"\$\.quantity"/)],
    ],
    [
      { ...sum, filter: Array(11).fill({ property: 'a', op: 'exists' }) },
      ['#/filter: must have at most 10 items'],
    ],
    [{ ...sum, agregation: 'sum' }, [expect.stringMatching(/#\/agregation: .*resource_type, aggregation/)]],
    [[sum], [expect.stringContaining('#: must be an object')]],
    [null, [expect.stringContaining('#: must be an object')]],
  ])('of %j is refused, and each mistake is named', async (input, expected) => {
    const { call } = await newTenant(server)
    const answer = await call('POST', '/api/v1/meters', input)
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)).toEqual(expected)
  })

  it('is bounded: ten active ones a resource type, and archiving one makes room', async () => {
    const { call } = await newTenant(server)
    for (let i = 0; i < 10; i++) await call('POST', '/api/v1/meters', { ...sum, key: `m${i}` })
    const eleventh = await call('POST', '/api/v1/meters', { ...sum, key: 'm10' })
    expect(eleventh).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(eleventh)).toEqual([
      expect.stringContaining('#/resource_type: "call" feeds 10 active meters already'),
    ])
    expect(
      (await call('POST', '/api/v1/meters', { ...sum, key: 'm10', resource_type: 'other' })).status,
    ).toBe(201)
    await call('POST', '/api/v1/meters/m0/archive')
    expect((await call('POST', '/api/v1/meters', { ...sum, key: 'm11' })).status).toBe(201)
  })
})

describe('changing a meter', () => {
  it('renames it, and takes the name away', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', sum)
    expect((await call('PATCH', '/api/v1/meters/calls', { name: 'Calls' })).body.name).toBe('Calls')
    expect((await call('PATCH', '/api/v1/meters/calls', {})).body.name).toBe('Calls')
    expect((await call('PATCH', '/api/v1/meters/calls', { name: null })).body.name).toBeNull()
  })

  it.each([
    ['key', 'other'],
    ['resource_type', 'other'],
    ['aggregation', 'max'],
    ['value', 'size'],
    ['group_by', ['region']],
    ['filter', [{ property: 'region', op: 'eq', value: 'eu' }]],
  ])('%s is refused with the way to do it instead, and nothing is changed', async (field, value) => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', sum)
    const answer = await call('PATCH', '/api/v1/meters/calls', { name: 'New', [field]: value })
    expect(answer).toMatchObject({ status: 409, body: { code: 'meaning_would_change' } })
    expect(answer.body.detail).toMatch(/another meter with another key.*\/api\/v1\/meters\/calls\/archive/)
    expect(errorsOf(answer)).toEqual([expect.stringContaining(`#/${field}: is `)])
    expect((await call('GET', '/api/v1/meters/calls')).body).toMatchObject({ ...sum, name: null })
  })

  it('turns skipping on and off for events from then on', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', { ...sum, value: 'cost' })
    const send = () => call('POST', '/api/v1/usage', { customer_id: 'alice', resource_type: 'call' })
    expect((await send()).status).toBe(422)
    const changed = await call('PATCH', '/api/v1/meters/calls', { missing: 'skip' })
    expect(changed.body).toMatchObject({ missing: 'skip', name: null, value: 'cost' })
    expect((await send()).body.events).toEqual([expect.objectContaining({ skipped: ['calls'] })])
    await call('PATCH', '/api/v1/meters/calls', { missing: 'refuse', name: 'Cost' })
    expect((await send()).status).toBe(422)
    expect((await call('GET', '/api/v1/meters/calls')).body).toMatchObject({
      missing: 'refuse',
      name: 'Cost',
    })
  })

  it('that no event could be skipped by does not turn it on', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', sum)
    const answer = await call('PATCH', '/api/v1/meters/calls', { missing: 'skip' })
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
    expect(errorsOf(answer)).toEqual([expect.stringContaining('#/missing: must be "refuse"')])
    expect((await call('PATCH', '/api/v1/meters/calls', { missing: 'refuse' })).status).toBe(200)
  })

  it('to what it is already is no change of meaning', async () => {
    const { call } = await newTenant(server)
    const { body } = await call('POST', '/api/v1/meters', {
      ...sum,
      value: "$.usage['total tokens']",
      group_by: ['usage.model'],
      missing: 'skip',
      filter: [
        { property: 'usage.kind', op: 'in', value: ['chat', 1, true] },
        { value: '0.5', op: 'gte', property: 'size' },
        { property: 'user', op: 'exists' },
      ],
    })
    expect(body.filter[2]).toEqual({ property: 'user', op: 'exists', value: true })
    expect(
      (
        await call('POST', '/api/v1/meters', {
          ...body,
          filling: undefined,
          revision: undefined,
          created_at: undefined,
          archived_at: undefined,
        })
      ).status,
    ).toBe(200)
    const { created_at, archived_at, filling, revision, ...fields } = body
    expect((await call('PATCH', '/api/v1/meters/calls', { ...fields, name: 'Calls' })).body.name).toBe(
      'Calls',
    )
  })

  it('that there is not is a 404, and there is no DELETE', async () => {
    const { call } = await newTenant(server)
    expect((await call('PATCH', '/api/v1/meters/calls', { name: 'x' })).status).toBe(404)
    expect((await call('POST', '/api/v1/meters/calls/archive')).status).toBe(404)
    expect((await call('GET', '/api/v1/meters/calls')).status).toBe(404)
    const deleted = await call('DELETE', '/api/v1/meters/calls')
    expect(deleted.status).toBe(405)
    expect(deleted.headers.get('allow')).toBe('HEAD, GET, PATCH')
  })
})

describe('an archived meter', () => {
  it('stays readable, archiving it again changes nothing, and its key is not used again', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', sum)
    const archived = await call('POST', '/api/v1/meters/calls/archive')
    expect(archived).toMatchObject({ status: 200, body: { key: 'calls', archived_at: expect.any(String) } })
    expect((await call('POST', '/api/v1/meters/calls/archive')).body).toEqual(archived.body)
    expect((await call('GET', '/api/v1/meters')).body.data).toEqual([archived.body])
    const again = await call('POST', '/api/v1/meters', sum)
    expect(again).toMatchObject({ status: 409, body: { code: 'already_exists' } })
    expect(again.body.detail).toMatch(/archived.*another key/)
  })
})

describe('events', () => {
  const event = { customer_id: 'alice', resource_type: 'call' }

  it('count by a meter as soon as its creation is answered', async () => {
    const { call } = await newTenant(server)
    for (let i = 0; i < 8; i++) {
      const type = `type${i}`
      await call('POST', '/api/v1/meters', { ...sum, key: type, resource_type: type })
      const sent = await call('POST', '/api/v1/usage', { ...event, resource_type: type })
      expect(sent, JSON.stringify(sent.body)).toMatchObject({ status: 200, body: { accepted: 1 } })
    }
  })

  it('count no more as soon as its archiving is answered', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', sum)
    expect((await call('POST', '/api/v1/usage', event)).status).toBe(200)
    await call('POST', '/api/v1/meters/calls/archive')
    expect(await call('POST', '/api/v1/usage', event)).toMatchObject({
      status: 422,
      body: { code: 'unknown_resource_type' },
    })
  })
})

describe('the list of meters', () => {
  it('comes in the order of the keys, page by page, each meter once', async () => {
    const { call } = await newTenant(server)
    const keys = ['b', 'a.1', 'a_1', 'a-1', 'a1', '0', 'z9']
    for (const [i, key] of keys.entries())
      await call('POST', '/api/v1/meters', { ...sum, key, resource_type: `t${i}` })
    const seen: string[] = []
    let path = '/api/v1/meters?limit=3'
    for (let pages = 0; pages < 5; pages++) {
      const { body } = await call('GET', path)
      seen.push(...body.data.map(({ key }: { key: string }) => key))
      if (body.next_cursor === null) break
      path = `/api/v1/meters?limit=3&cursor=${body.next_cursor}`
    }
    expect(seen).toEqual([...keys].sort())
  })

  it.each([
    ['limit=0', 'limit: must be a whole number from 1 to 100 (sent: "0")'],
    ['limit=101', 'limit: must be a whole number from 1 to 100 (sent: "101")'],
    ['limit=1e1', 'limit: must be a whole number from 1 to 100 (sent: "1e1")'],
    ['limit=', 'limit: must be a whole number from 1 to 100 (sent: "")'],
    ['limit=1&limit=2', 'limit: must be one string, not a list'],
    ['cursor=nonsense', 'cursor: must be the next_cursor of an earlier page of this list'],
    ['limt=3', 'limt: is not known here; these are: limit, cursor'],
  ])('?%s is refused: %s', async (query, expected) => {
    const { call } = await newTenant(server)
    const answer = await call('GET', `/api/v1/meters?${query}`)
    expect(answer.status).toBe(422)
    expect(errorsOf(answer)).toEqual([expected])
  })

  it('takes no cursor of another list', async () => {
    const { call } = await newTenant(server)
    for (const key of ['a', 'b']) await call('POST', '/api/v1/plans', { key, currency: 'USD', prices: [] })
    const { next_cursor } = (await call('GET', '/api/v1/plans?limit=1')).body
    expect((await call('GET', `/api/v1/meters?cursor=${next_cursor}`)).status).toBe(422)
  })
})
