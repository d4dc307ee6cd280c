// What generated requests have found wrong, each as a small case of its own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
let nobody: Call

beforeAll(async () => {
  server = await openServer()
  tenant = await newTenant(server)
  nobody = caller(server, null)
  await tenant.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
  await tenant.call('POST', '/api/v1/meters', {
    ...{ key: 'users', resource_type: 'seat', aggregation: 'unique_count', value: 'user_id' },
  })
})
afterAll(() => server?.close())

describe('what is wrong with a CloudEvent', () => {
  const cloudEvent = { specversion: '1.0', id: '1', source: '/test', type: 'call', subject: 'alice' }
  const send = (type: string, body: unknown, headers: Record<string, string> = {}) =>
    tenant.call('POST', '/api/v1/usage', body, { 'content-type': type, ...headers })

  it.each([
    [{ type: 'unknown' }, '#/type'],
    [{ subject: '..' }, '#/subject'],
    [{ time: 'yesterday' }, '#/time'],
    [{ time: '2001-01-01T00:00:00Z' }, '#/time'],
    [{ type: 'seat', data: {} }, '#/data/user_id'],
    [{ data_base64: 'AA==' }, '#/data_base64'],
  ])('is named by its own attributes: %j', async (more, pointer) => {
    const single = await send('application/cloudevents+json', { ...cloudEvent, ...more })
    expect(single).toMatchObject({ status: 422, body: { errors: [{ pointer }] } })
    const inBatch = pointer.replace('#', '#/1')
    const batch = [cloudEvent, { ...cloudEvent, id: '2', ...more }]
    expect(await send('application/cloudevents-batch+json', batch)).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: inBatch }] },
    })
    const lenient = await send('application/cloudevents-batch+json', batch, { prefer: 'handling=lenient' })
    expect(lenient.body.events[1]).toMatchObject({ status: 'invalid', errors: [{ pointer: inBatch }] })
  })
})

describe('the OpenAPI document', () => {
  it('has patterns that are regular expressions, without flags', async () => {
    const text = JSON.stringify((await nobody('GET', '/openapi.json')).body)
    const patterns = [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, found]) =>
      JSON.parse(found!),
    )
    expect(patterns.length).toBeGreaterThan(5)
    for (const pattern of patterns) expect(pattern).not.toMatch(/\/[a-z]{1,3}$/)
    const email = patterns.find((pattern: string) => pattern.includes('@'))
    expect(new RegExp(email, 'u').test('billing@example.com')).toBe(true)
    expect(new RegExp(email, 'u').test('bill ing@example.com')).toBe(false)
  })
})

describe('the name __proto__', () => {
  it.each([
    '"__proto__"',
    '"\\u005f_proto__"',
    '"_\\u005Fproto__"',
    '"__pr\\u006fto__"',
    '"__\\u0070roto__"',
  ])('is refused and its place named, written %s', async (name) => {
    const customer = await tenant.call(
      'POST',
      '/api/v1/customers',
      `{"customer_id":"p","metadata":{${name}:"x"}}`,
    )
    expect(customer.status).toBe(422)
    expect(errorsOf(customer)).toEqual(['#/metadata: must not have the name "__proto__"'])
    const event = await tenant.call(
      'POST',
      '/api/v1/usage',
      `[{"customer_id":"p","resource_type":"call","properties":{"a":[{${name}:1}]}}]`,
    )
    expect(errorsOf(event)).toEqual(['#/0/properties/a/0: must not have the name "__proto__"'])
    expect((await tenant.call('GET', '/api/v1/customers/p')).status).toBe(404)
  })
})

describe('an answer', () => {
  const LONG = 'x'.repeat(400_000)
  const bytesOf = (body: unknown): number => Buffer.byteLength(JSON.stringify(body))

  it.each([
    ['POST', '/api/v1/customers', { customer_id: 'a', [LONG]: 1 }],
    ['POST', '/api/v1/customers', { customer_id: 'a', metadata: { [LONG]: 1 } }],
    ['POST', '/api/v1/usage', { customer_id: 'a', resource_type: 'call', [LONG]: 1 }],
    ['POST', '/api/v1/usage', { customer_id: 'a', resource_type: 'call', properties: { [LONG]: '\0' } }],
    ['POST', '/api/v1/usage', Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, 1]))],
  ])('does not repeat at length what was wrong: %s %s', async (method, path, body) => {
    const answer = await tenant.call(method, path, body)
    expect(answer.status).toBe(422)
    expect(answer.body.errors.length).toBeGreaterThan(0)
    expect(bytesOf(answer.body)).toBeLessThan(20_000)
  })

  it('to a lenient batch names some of an event’s unknown fields, not all', async () => {
    const fields = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, 1]))
    const batch = Array.from({ length: 1_000 }, () => fields)
    const answer = await tenant.call('POST', '/api/v1/usage', batch, { prefer: 'handling=lenient' })
    expect(answer).toMatchObject({ status: 200, body: { accepted: 0 } })
    expect(answer.body.events).toHaveLength(1_000)
    expect(bytesOf(answer.body)).toBeLessThan(1_500_000)
  })
})
