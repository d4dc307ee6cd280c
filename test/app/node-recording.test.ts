// The hot path on Node past Hono. That it answers as the app does is shown by the HTTP suite, whose server has it; here is what
// it may do itself, and what it must leave.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeKey } from '../../src/access/api-key.ts'
import { KeyCache } from '../../src/access/key-cache.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import type { RecordBatch, RecordOutcome } from '../../src/metering/ports.ts'
import { recordingListener } from '../../src/node-recording.ts'
import { meter, tenantConfig } from '../support/metering.ts'

const config = tenantConfig([meter('calls', 'sum')])
const key = makeKey()
const event = { id: 'one', customer_id: 'alice', resource_type: 'api_call', quantity: 3 }

let sent: RecordBatch[]
let left: { body: string | undefined; headers: IncomingMessage['headers'] }[]
let record: (batch: RecordBatch) => Promise<RecordOutcome>
let keys: KeyCache
let server: Server
let url: string

beforeEach(async () => {
  sent = []
  left = []
  record = async ({ events }) => ({ kind: 'recorded', verdicts: events.map(() => 'accepted') })
  keys = new KeyCache(Date.now)
  keys.put(keys.hashOf(key)!, { keyId: 'k', tenantId: config.tenantId }, Date.now())
  const deps = {
    clock: Date.now,
    limits: defaultLimits,
    keys,
    configs: { get: () => config, reload: async () => config },
    counters: {
      record: (batch: RecordBatch) => {
        sent.push(batch)
        return record(batch)
      },
    },
  } as unknown as Parameters<typeof recordingListener>[0]
  const app = (incoming: IncomingMessage & { rawBody?: Buffer }, outgoing: ServerResponse) => {
    left.push({ body: incoming.rawBody?.toString(), headers: incoming.headers })
    outgoing.end('left to the app')
  }
  server = createServer(recordingListener(deps, app))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/usage`
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const post = (body: unknown, headers: Record<string, string> = {}, method = 'POST') =>
  fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

describe('recording on Node', () => {
  it('answers what was counted, with the headers of every answer', async () => {
    const answer = await post([event, { ...event, id: 'two' }], { 'x-request-id': 'mine' })
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': 'mine',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect(await answer.json()).toMatchObject({ accepted: 2, duplicates: 0 })
    expect([sent.length, left.length]).toEqual([1, 0])
  })

  it.each([
    ['what is not JSON', '{"id":', {}],
    ['what is not UTF-8, or needs a closer look', '{"__proto__": 1}', {}],
    ['an empty body', '', {}],
    ['an event that is wrong', { ...event, quantity: 'x' }, {}],
    ['an event that no meter counts', { ...event, resource_type: 'other' }, {}],
  ])('leaves %s to the app, with its body', async (_, body, headers) => {
    expect(await (await post(body, headers)).text()).toBe('left to the app')
    expect(left.map(({ body }) => body)).toEqual([typeof body === 'string' ? body : JSON.stringify(body)])
    expect(sent).toEqual([])
  })

  it.each([
    ['a key that it does not know', { authorization: `Bearer ${makeKey()}` }],
    ['no key', { authorization: '' }],
    ['a request with an Idempotency-Key', { 'idempotency-key': 'once' }],
    ['a lenient batch', { prefer: 'handling=lenient' }],
    ['another media type', { 'content-type': 'application/cloudevents+json' }],
    ['a body that is packed', { 'content-encoding': 'gzip' }],
  ])('leaves %s to the app, unread', async (_, headers) => {
    expect(await (await post(event, headers)).text()).toBe('left to the app')
    expect(left.map(({ body }) => body)).toEqual([undefined])
    expect(sent).toEqual([])
  })

  it('leaves a revoked key to the app at once', async () => {
    keys.putUnknown(keys.hashOf(key)!, Date.now())
    expect(await (await post(event)).text()).toBe('left to the app')
  })

  it('leaves a conflict to the app: nothing of it is counted', async () => {
    record = async () => ({ kind: 'refused', verdicts: ['conflict'] })
    expect(await (await post(event)).text()).toBe('left to the app')
  })

  it('sends what may be counted already no second time', async () => {
    record = async () => {
      throw new TollgateError('store_unavailable', 'Away.', { retryAfterSeconds: 5 })
    }
    const answer = await post({ ...event, id: undefined })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(await answer.json()).toMatchObject({ code: 'store_unavailable' })
    expect([sent.length, left.length]).toEqual([1, 0])
  })
})
