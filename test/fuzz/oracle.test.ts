// The judge itself: what it must not let pass.

import { describe, expect, it } from 'vitest'
import type { Actor } from './actor.ts'
import { type ApiDocument, operationsOf } from './document.ts'
import { noteSent, strangers } from './isolation.ts'
import { Oracle } from './oracle.ts'
import type { FuzzRequest } from './request.ts'
import { scaled } from './standing.ts'
import type { Outcome } from './wire.ts'

const problem = {
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}
const document: ApiDocument = {
  paths: {
    '/things/{id}': {
      patch: {
        operationId: 'changeThing',
        security: [{ apiKey: [] }],
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                properties: { name: { type: 'string' } },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          200: {
            content: {
              'application/json': {
                schema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
              },
            },
          },
          401: problem,
          422: problem,
        },
      },
    },
  },
  components: {
    schemas: {
      Problem: { type: 'object', required: ['title', 'status', 'detail', 'code', 'request_id'] },
    },
  },
}
const operations = operationsOf(document)
const oracle = new Oracle(document, operations, ['tg_secret', 'admin-token'])

const request = (more: Partial<FuzzRequest> = {}): FuzzRequest => ({
  ...{
    operation: operations[0]!,
    mediaType: 'application/json',
    method: 'PATCH',
    path: '/things/1',
    query: [],
  },
  headers: [
    ['authorization', 'Bearer tg_secret'],
    ['content-type', 'application/json'],
  ],
  ...{ body: { value: null }, payload: Buffer.from('{"name":"x"}'), framing: 'length', changes: [] },
  ...{ cutAt: null, malformed: false, raw: null },
  ...more,
})

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Outcome {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  const all = { 'content-type': type, 'x-request-id': 'r1', ...headers }
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return {
    kind: 'answered',
    response: { status, headers: new Map(Object.entries(all)), body: bytes },
    ...{ ms: 1, next: null },
  }
}
const refusal = (status: number, more: object = {}) =>
  answer(status, { title: 'No', status, detail: 'What is wrong here.', code: 'c', request_id: 'r1', ...more })
const judged = (outcome: Outcome, more?: Partial<FuzzRequest>) =>
  oracle.judge(request(more), outcome, 'tg_secret').join('; ')

describe('the oracle', () => {
  it('lets pass what the document says', () => {
    expect(judged(answer(200, { name: 'x' }))).toBe('')
    expect(judged(refusal(422, { errors: [{ pointer: '#/name', detail: 'no' }] }))).toBe('')
    const bounded = { pointer: '#/name', detail: 'must be 840 hours (35 days) at most (sent: 841)' }
    expect(judged(refusal(422, { errors: [bounded] }))).toBe('')
    expect(judged(refusal(404), { path: '/nowhere' })).toBe('')
    expect(judged(refusal(405), { method: 'PUT' })).toContain('Allow')
    expect(judged({ kind: 'closed', ms: 1 }, { malformed: true })).toBe('')
  })

  it.each<[string, Outcome, Partial<FuzzRequest>]>([
    ['status 500', refusal(500), {}],
    ['not listed', refusal(409), {}],
    ['not listed', answer(200, { name: 'x' }), { path: '/nowhere' }],
    ['is not what the document says', answer(200, {}), {}],
    ['the document forbids', answer(200, { name: 'x' }), { payload: Buffer.from('{"name":1}') }],
    [
      'without the right token',
      answer(200, { name: 'x' }),
      { headers: [['content-type', 'application/json']] },
    ],
    ['__proto__', answer(200, { name: 'x' }), { payload: Buffer.from('{"\\u005f_proto__":1}') }],
    ['no UTF-8', answer(200, { name: 'x' }), { payload: Buffer.from([0x22, 0xff, 0x22]) }],
    ['a problem of status', refusal(422, { status: 400 }), {}],
    ['another request_id', refusal(422, { request_id: 'r2' }), {}],
    ['no problem document', answer(422, { title: 'No' }), {}],
    ['of type text/html', answer(422, '<html>', { 'content-type': 'text/html' }), {}],
    ['says nothing', refusal(422, { detail: 'Bad.' }), {}],
    ['is not in the body', refusal(422, { errors: [{ pointer: '#/other', detail: 'no' }] }), {}],
    ['was not in the request', refusal(422, { errors: [{ pointer: 'other', detail: 'no' }] }), {}],
    ['was not in the request', refusal(422, { errors: [{ pointer: 'line 1', detail: 'no' }] }), {}],
    ['no x-request-id', answer(200, { name: 'x' }, { 'x-request-id': '' }), {}],
    ['a secret', answer(200, { name: 'tg_secret' }), {}],
    ['our inside', refusal(422, { detail: 'Failed query: select 1' }), {}],
    ['our inside', refusal(422, { detail: 'at handler (file:///srv/app.js:1:1)' }), {}],
    ['without an answer', { kind: 'closed', ms: 1 }, {}],
    ['no answer', { kind: 'timeout', ms: 9 }, {}],
    [
      'the next answer',
      {
        ...answer(200, { name: 'x' }),
        next: { status: 400, headers: new Map(), body: Buffer.from('') },
      } as Outcome,
      {},
    ],
  ])('tells: %s', (complaint, outcome, more) => {
    expect(judged(outcome, more)).toContain(complaint)
  })
})

it('forgives a lost answer only where wrangler’s proxy loses it: to a large chunked GET', () => {
  const closed: Outcome = { kind: 'closed', ms: 1 }
  const large = { method: 'GET', framing: 'chunked', payload: Buffer.alloc(70_000, 'x') } as const
  const lost = (onWorkerd: boolean, more: Partial<FuzzRequest> = {}) =>
    new Oracle(document, operations, [], onWorkerd).judge(request({ ...large, ...more }), closed, null)
  const told = ['the connection was closed without an answer']
  expect(lost(true)).toEqual([])
  expect(lost(false)).toEqual(told)
  expect(lost(true, { framing: 'length' })).toEqual(told)
  expect(lost(true, { method: 'POST' })).toEqual(told)
  expect(lost(true, { payload: Buffer.alloc(60_000, 'x') })).toEqual(told)
})

it('lets a meter point at a place in properties of which nothing is there, if it says that it is required', () => {
  const { schema } = {
    schema: { type: 'object', properties: { properties: { type: 'object' } }, additionalProperties: false },
  }
  const operation = { ...operations[0]!, bodies: { 'application/json': schema } } as (typeof operations)[0]
  const own = new Oracle(document, [operation], [])
  const sent = request({ operation, payload: Buffer.from('{"properties":{"usage":[],"text":"x"}}') })
  const judge = (pointer: string, detail: string) =>
    own.judge(sent, refusal(422, { errors: [{ pointer, detail }] }), 'tg_secret').join('; ')
  expect(judge('#/properties/usage/list/0', 'is required: the meter tokens aggregates it')).toBe('')
  expect(judge('#/properties/text/list', 'is required: the meter tokens aggregates it')).toBe('')
  expect(judge('#/properties/usage/list/0', 'must not be below 0')).toContain('is not in the body')
  expect(judge('#/usage/list', 'is required: the meter tokens aggregates it')).toContain('is not in the body')
})

describe('isolation', () => {
  const actor = (name: string, open: string, secret: string): Actor =>
    ({
      name,
      open,
      secret,
      id: `id-${name}`,
      apiKey: `key-${name}`,
      sentOpen: new Set(),
      others: [],
    }) as never
  const a = actor('A', 'oaaaaaaa', 'saaaaaaa')
  const b = actor('B', 'obbbbbbb', 'sbbbbbbb')
  a.others = [b]

  it('tells another tenant’s data, plain, escaped or in a cursor', () => {
    const cursor = Buffer.from('["customers","obbbbbbbc1"]').toString('base64url')
    for (const leak of [
      'sbbbbbbb name',
      'obbbbbbbx1',
      '\\u0073bbbbbbb',
      `"next_cursor":"${cursor}"`,
      'id-B',
      'key-B',
    ])
      expect(strangers(a, leak), leak).not.toEqual([])
  })

  it('lets pass its own data, and ids that it has sent itself', () => {
    expect(strangers(a, 'saaaaaaa oaaaaaaac1')).toEqual([])
    noteSent(a, Buffer.from('GET /api/v1/customers/%6fbbbbbbbc9 HTTP/1.1'))
    expect(strangers(a, 'There is no customer "obbbbbbbc9"')).toEqual([])
    expect(strangers(a, 'obbbbbbbc8')).not.toEqual([])
  })
})

it.each([
  ['1', 10n ** 12n],
  ['-1.5', -15n * 10n ** 11n],
  ['1e-7', 10n ** 5n],
  ['1e+2', 10n ** 14n],
])('%s times 10^12 is whole', (text, expected) => expect(scaled(text)).toBe(expected))
