// Bodies that are packed with gzip.

import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newTenant, openServer, type Server, type TestTenant } from './harness.ts'

const MIB = 1_048_576

let server: Server
let tenant: TestTenant

beforeAll(async () => {
  server = await openServer()
  tenant = await newTenant(server)
  await tenant.call('POST', '/api/v1/meters', { key: 'calls', resource_type: 'call', aggregation: 'sum' })
})
afterAll(() => server?.close())

async function post(path: string, body: Uint8Array | ReadableStream, headers: Record<string, string> = {}) {
  const response = await server.request(path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tenant.key}`,
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      ...headers,
    },
    body,
    duplex: 'half',
  } as RequestInit)
  return { status: response.status, body: await response.json() }
}
const packed = (value: unknown) => gzipSync(JSON.stringify(value))
const inPieces = (bytes: Uint8Array, size: number) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
      controller.close()
    },
  })

describe('a body in gzip', () => {
  it('counts like any other: a thousand events in a fraction of their bytes', async () => {
    const events = Array.from({ length: 1_000 }, (_, i) => ({
      ...{ id: `packed-${i}`, customer_id: 'packed', resource_type: 'call', quantity: '1.5' },
      properties: { text: 'x'.repeat(800) },
    }))
    const bytes = packed(events)
    expect(bytes.length).toBeLessThan(JSON.stringify(events).length / 10)
    expect(await post('/api/v1/usage', bytes)).toMatchObject({ status: 200, body: { accepted: 1_000 } })
    const again = await post('/api/v1/usage', inPieces(bytes, 1_000), { 'content-encoding': 'x-gzip' })
    expect(again).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 1_000 } })
  })

  it('is taken by every endpoint that takes a body, in whatever case its coding is written', async () => {
    const customer = packed({ customer_id: 'gz', name: 'é😀' })
    const made = await post('/api/v1/customers', customer, { 'content-encoding': 'identity, GZIP' })
    expect(made).toMatchObject({ status: 201, body: { name: 'é😀' } })
  })

  it('is checked like any other', async () => {
    expect(await post('/api/v1/customers', packed({ customer_id: 7 }))).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '#/customer_id', detail: 'must be a string (sent: 7)' }] },
    })
    expect(await post('/api/v1/customers', gzipSync('{'))).toMatchObject({
      status: 400,
      body: { code: 'malformed_json' },
    })
    expect(await post('/api/v1/customers', gzipSync(new Uint8Array([0x22, 0xff, 0x22])))).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('UTF-8') },
    })
  })

  const whole = packed({ customer_id: 'broken', name: 'x'.repeat(1_000) })
  const flipped = Uint8Array.from(whole, (byte, i) => (i === whole.length - 6 ? byte ^ 0xff : byte))
  it.each([
    ['no gzip', new TextEncoder().encode('{"customer_id":"broken"}')],
    ['not whole', whole.subarray(0, -12)],
    ['damaged', flipped],
    ['empty', new Uint8Array()],
  ])('that is %s is a 400 that says so', async (_, bytes) => {
    expect(await post('/api/v1/customers', bytes)).toMatchObject({
      status: 400,
      body: { code: 'malformed_json', detail: expect.stringContaining('is not the gzip') },
    })
  })

  it('may unpack to 1 MiB and no more', async () => {
    const around = JSON.stringify({ customer_id: 'large', metadata: { a: '' } }).length
    const of = (bytes: number) =>
      packed({ customer_id: 'large', metadata: { a: 'x'.repeat(bytes - around) } })
    expect((await post('/api/v1/customers', of(MIB))).status).toBe(422)
    expect(await post('/api/v1/customers', of(MIB + 1))).toMatchObject({
      status: 413,
      body: { code: 'body_too_large' },
    })
  })

  it('that is a bomb costs no more than the bound', async () => {
    const member = gzipSync(new Uint8Array(64 * MIB))
    const bomb = Buffer.concat(Array.from({ length: 15 }, () => member))
    expect(bomb.length).toBeLessThan(MIB)
    const startedAt = performance.now()
    for (const body of [bomb, inPieces(bomb, 65_536)])
      expect(await post('/api/v1/customers', body)).toMatchObject({ status: 413 })
    // All of it takes seconds; its first MiB, milliseconds.
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })
})
