import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Answer,
  type Call,
  caller,
  newTenant,
  openServer,
  type Server,
  type TestTenant,
} from './harness.ts'

let server: Server
let tenant: TestTenant
let admin: Call

beforeAll(async () => {
  server = await openServer()
  admin = caller(server, server.adminToken)
})
afterAll(() => server?.close())

let count = 0
const unique = (): string => `${crypto.randomUUID()}-${count++}`
const keyed = (key: string) => ({ 'idempotency-key': key })
const meter = { key: 'calls', resource_type: 'call', aggregation: 'sum' }
const event = { customer_id: 'alice', resource_type: 'call', quantity: 2 }
const usageOf = async (call: Call): Promise<string | undefined> =>
  (await call('GET', '/api/v1/usage?meter=calls')).body.data[0]?.quantity

beforeAll(async () => {
  tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', meter)
})

function expectReplay(again: Answer, first: Answer): void {
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(again.status).toBe(first.status)
  expect(again.body).toEqual(first.body)
  expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'))
  expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
}

describe('the same request with the same key', () => {
  it.each([
    ['POST', '/api/v1/usage', [event, event], 200],
    ['POST', '/api/v1/meters', { key: 'made', resource_type: 'made', aggregation: 'count' }, 201],
    ['PATCH', '/api/v1/meters/calls', { name: 'Calls' }, 200],
    ['POST', '/api/v1/meters/made/replay', { from: 'beginning' }, 201],
    // Whether the first is filled by now is nobody's to say.
    ['POST', '/api/v1/meters/made/revisions/99/cancel', undefined, 404],
    ['POST', '/api/v1/meters/calls/revisions', { from: 'beginning', group_by: ['region'] }, 201],
    ['POST', '/api/v1/meters/made/archive', undefined, 200],
    ['POST', '/api/v1/customers', { customer_id: 'bob' }, 201],
    ['PATCH', '/api/v1/customers/bob', { name: 'Bob' }, 200],
    ['POST', '/api/v1/plans', { key: 'pro', currency: 'USD', prices: [] }, 201],
    ['PATCH', '/api/v1/plans/pro', { name: 'Pro' }, 200],
    [
      'POST',
      '/api/v1/prices/preview',
      { price: { model: 'per_unit', unit_amount: '2' }, currency: 'USD', quantity: '3' },
      200,
    ],
  ])('%s %s is answered the same again', async (method, path, body, status) => {
    const headers = keyed(unique())
    const first = await tenant.call(method, path, body, headers)
    expect(first).toMatchObject({ status })
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expectReplay(await tenant.call(method, path, body, headers), first)
    expectReplay(await tenant.call(method, path, body, headers), first)
  })

  it.each([
    ['/api/v1/flush', undefined],
    ['/api/v1/reoffer', undefined],
  ])('POST %s by the operator, too', async (path, body) => {
    const headers = keyed(unique())
    const first = await admin('POST', path, body, headers)
    expect(first.status).toBe(200)
    expectReplay(await admin('POST', path, body, headers), first)
  })

  it('makes one tenant and one API key, and shows both secrets again', async () => {
    const headers = [keyed(unique()), keyed(unique())] as const
    const made = await admin('POST', '/api/v1/tenants', { name: 'Once' }, headers[0])
    expect(made.status).toBe(201)
    expectReplay(await admin('POST', '/api/v1/tenants', { name: 'Once' }, headers[0]), made)
    const path = '/api/v1/api-keys'
    const input = { tenant_id: made.body.id, name: 'second' }
    const key = await admin('POST', path, input, headers[1])
    expect(key.status).toBe(201)
    expectReplay(await admin('POST', path, input, headers[1]), key)
    const { body } = await admin('GET', `${path}?tenant_id=${made.body.id}`)
    expect(body.data.map(({ id }: { id: string }) => id)).toEqual([made.body.api_key.id, key.body.id])
    for (const secret of [made.body.api_key.key, key.body.key])
      expect((await caller(server, secret)('GET', '/api/v1/meters')).status).toBe(200)
  })

  it('is answered 204 again, without a body', async () => {
    const { body } = await admin('POST', '/api/v1/api-keys', { tenant_id: tenant.id })
    const headers = keyed(unique())
    const path = `/api/v1/api-keys/${body.id}`
    const first = await admin('DELETE', path, undefined, headers)
    expect(first).toMatchObject({ status: 204, body: '' })
    expectReplay(await admin('DELETE', path, undefined, headers), first)
  })

  it('counts events without an id once', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    const headers = keyed(unique())
    for (let i = 0; i < 3; i++)
      expect((await call('POST', '/api/v1/usage', [event, event, event], headers)).body.accepted).toBe(3)
    expect(await usageOf(call)).toBe('6')
    expect((await call('POST', '/api/v1/usage', event, keyed(unique()))).body.accepted).toBe(1)
    expect(await usageOf(call)).toBe('8')
  })

  it('keeps the headers of the answer that mean something', async () => {
    const headers = { ...keyed(unique()), prefer: 'handling=lenient' }
    for (let i = 0; i < 2; i++) {
      const answer = await tenant.call('POST', '/api/v1/usage', [event, {}], headers)
      expect(answer.headers.get('preference-applied')).toBe('handling=lenient')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('is the same however its JSON is spelt', async () => {
    const headers = keyed(unique())
    const first = await tenant.call(
      'POST',
      '/api/v1/usage',
      '{"customer_id":"alice","resource_type":"call","quantity":1}',
      headers,
    )
    const spelt = ' {"quantity": 1.0, "resource_type":"c\\u0061ll",\n"customer_id":"alice"}'
    expectReplay(await tenant.call('POST', '/api/v1/usage', spelt, headers), first)
  })

  it('is refused again the same way, whatever has changed meanwhile', async () => {
    const headers = keyed(unique())
    const path = '/api/v1/meters/later'
    const first = await tenant.call('PATCH', path, { name: 'x' }, headers)
    expect(first).toMatchObject({ status: 404, body: { code: 'not_found' } })
    await tenant.call('POST', '/api/v1/meters', { ...meter, key: 'later', resource_type: 'later' })
    expectReplay(await tenant.call('PATCH', path, { name: 'x' }, headers), first)
    expect((await tenant.call('PATCH', path, { name: 'x' }, keyed(unique()))).status).toBe(200)
  })

  it('is executed once if 20 send it at once', async () => {
    const { call } = await newTenant(server)
    await call('POST', '/api/v1/meters', meter)
    const headers = keyed(unique())
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call('POST', '/api/v1/usage', event, headers)),
    )
    const first = answers.filter(
      ({ status, headers: sent }) => status === 200 && !sent.has('idempotency-replayed'),
    )
    expect(first).toHaveLength(1)
    for (const answer of answers) {
      if (answer.status === 200) expect(answer.body).toEqual(first[0]!.body)
      else {
        expect(answer).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } })
        expect(answer.headers.get('retry-after')).toBe('1')
      }
    }
    expect(await usageOf(call)).toBe('2')
    expectReplay(await call('POST', '/api/v1/usage', event, headers), first[0]!)
  })
})

describe('another request with the same key', () => {
  const input = { customer_id: 'carol', name: 'Carol' }

  it.each<[string, string, string, unknown]>([
    ['body', 'POST', '/api/v1/customers', { ...input, name: 'Caroline' }],
    ['body, a field less', 'POST', '/api/v1/customers', { customer_id: 'carol' }],
    ['path', 'POST', '/api/v1/meters', { ...meter, key: 'other', resource_type: 'other' }],
    ['method', 'PATCH', '/api/v1/customers/carol', { name: 'Carol' }],
  ])('(its %s) is a 422, and nothing is done', async (_, method, path, body) => {
    const headers = keyed(unique())
    expect((await tenant.call('POST', '/api/v1/customers', input, headers)).status).toBeLessThan(300)
    const answer = await tenant.call(method, path, body, headers)
    expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } })
    expect((await tenant.call('GET', '/api/v1/customers/carol')).body.name).toBe('Carol')
    expect((await tenant.call('GET', '/api/v1/meters/other')).status).toBe(404)
  })

  it('is told by its query, its media type, and the headers that say how it is to be handled', async () => {
    const key = keyed(unique())
    expect((await admin('POST', '/api/v1/flush', undefined, key)).status).toBe(200)
    expect(await admin('POST', '/api/v1/flush?retry_quarantined=true', undefined, key)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
    const batch = keyed(unique())
    expect((await tenant.call('POST', '/api/v1/usage', event, batch)).status).toBe(200)
    const cloud = { ...batch, 'content-type': 'application/cloudevents+json' }
    expect(await tenant.call('POST', '/api/v1/usage', event, cloud)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
    const lenient = { ...batch, prefer: 'handling=lenient' }
    expect(await tenant.call('POST', '/api/v1/usage', event, lenient)).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
  })

  it('is none of another’s: tenants and the operator have their own', async () => {
    const other = await newTenant(server)
    const headers = keyed(unique())
    const body = { customer_id: 'dora' }
    expect((await tenant.call('POST', '/api/v1/customers', body, headers)).status).toBe(201)
    const theirs = await other.call('POST', '/api/v1/customers', { customer_id: 'emil' }, headers)
    expect(theirs.status).toBe(201)
    expect((await admin('POST', '/api/v1/tenants', { name: 'x' }, headers)).status).toBe(201)
    expectReplay(await other.call('POST', '/api/v1/customers', { customer_id: 'emil' }, headers), theirs)
    expect((await other.call('GET', '/api/v1/customers/dora')).status).toBe(404)
  })

  it('is the same by another API key of the same tenant', async () => {
    const { body } = await admin('POST', '/api/v1/api-keys', { tenant_id: tenant.id })
    const headers = keyed(unique())
    const first = await tenant.call('POST', '/api/v1/customers', { customer_id: 'fred' }, headers)
    const second = caller(server, body.key)
    expectReplay(await second('POST', '/api/v1/customers', { customer_id: 'fred' }, headers), first)
  })
})

describe('what was never executed', () => {
  it('does not use up its key: neither a mistake in the input', async () => {
    const headers = keyed(unique())
    for (const body of ['{', { customer_id: 'gina', nmae: 'x' }])
      expect((await tenant.call('POST', '/api/v1/customers', body, headers)).status).toBeGreaterThan(399)
    expect((await tenant.call('POST', '/api/v1/customers', { customer_id: 'gina' }, headers)).status).toBe(
      201,
    )
  })

  it('nor a wrong token', async () => {
    const headers = keyed(unique())
    const nobody = caller(server, null)
    expect((await nobody('POST', '/api/v1/customers', { customer_id: 'hugo' }, headers)).status).toBe(401)
    expect((await tenant.call('POST', '/api/v1/customers', { customer_id: 'hugo' }, headers)).status).toBe(
      201,
    )
  })
})

describe('a key', () => {
  it.each(['', 'x'.repeat(256), 'é', 'a\tb'])('such as %j is a 422 that names the header', async (key) => {
    const answer = await tenant.call('POST', '/api/v1/customers', { customer_id: 'ida' }, keyed(key))
    expect(answer).toMatchObject({
      status: 422,
      body: { code: 'validation_failed', errors: [{ pointer: 'Idempotency-Key' }] },
    })
    expect((await tenant.call('GET', '/api/v1/customers/ida')).status).toBe(404)
  })

  it.each(['x', '"quoted, as a structured field"', '~'.repeat(255)])('such as %j is one', async (key) => {
    const { call } = await newTenant(server)
    const first = await call('POST', '/api/v1/customers', { customer_id: 'ida' }, keyed(key))
    expect(first.status).toBe(201)
    expectReplay(await call('POST', '/api/v1/customers', { customer_id: 'ida' }, keyed(key)), first)
  })

  it('means nothing to a read', async () => {
    const headers = keyed(unique())
    for (const path of ['/api/v1/meters', '/api/v1/customers']) {
      const answer = await tenant.call('GET', path, undefined, headers)
      expect(answer.status).toBe(200)
      expect(answer.headers.has('idempotency-replayed')).toBe(false)
    }
  })

  it('does not make a body that is nested without end our fault', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const answer = await tenant.call('POST', '/api/v1/usage', deep, keyed(unique()))
    expect(answer).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
  })

  it('is in the document, with its refusals, for every operation that writes, and for no other', async () => {
    const { body } = await tenant.call('GET', '/openapi.json')
    type Written = {
      operationId: string
      parameters?: { name: string; in: string }[]
      responses: Record<string, unknown>
    }
    const operations = Object.values(body.paths).flatMap((path) => Object.entries(path as object))
    expect(operations.length).toBeGreaterThan(20)
    for (const [method, { operationId, parameters = [], responses }] of operations as [string, Written][]) {
      // One takes a body, and writes nothing; the other is a stream, and once by its ids.
      const writes = method !== 'get' && !['export', 'importEvents'].includes(operationId)
      const taken = parameters.some((one) => one.in === 'header' && one.name === 'Idempotency-Key')
      expect(taken).toBe(writes)
      if (writes) expect(Object.keys(responses)).toEqual(expect.arrayContaining(['409', '422']))
    }
  })
})
