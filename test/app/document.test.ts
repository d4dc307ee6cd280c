// What generators need of the OpenAPI document. Linters and generators themselves: npm run check:api.

import { describe, expect, it } from 'vitest'
import { apiDocument } from '../clients/document.ts'
import { type Document, escaped, judgeAnswers, validatorOf } from '../support/answers.ts'

type Json = Record<string, unknown>
const document = JSON.parse(JSON.stringify(apiDocument('https://billing.acme.example'))) as Document & {
  components: { schemas: Record<string, Json> }
} & Json
const { schemas } = document.components

/** Every object in a part of the document, with the pointer to it. What examples hold is data. */
function* objectsIn(part: unknown, pointer: string): Generator<{ part: Json; pointer: string }> {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) yield { part: part as Json, pointer }
  for (const [name, inner] of Object.entries(part)) {
    if (['example', 'examples', 'value'].includes(name) && !('type' in Object(inner))) continue
    yield* objectsIn(inner, `${pointer}/${escaped(name)}`)
  }
}
const everything = [...objectsIn(document, '')]
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method} ${path}`,
    method,
    operation: operation as Json & { responses: Record<string, Json> },
  })),
)

/** The names of the schemas that parts lead to. */
function reached(parts: unknown[]): Set<string> {
  const names = new Set<string>()
  const waiting = [...parts]
  for (const part of waiting) {
    for (const [, name] of JSON.stringify(part ?? null).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (names.has(name!)) continue
      names.add(name!)
      waiting.push(schemas[name!])
    }
  }
  return names
}
const taken = operations.map(({ operation }) => operation.requestBody)
const answered = [operations.map(({ operation }) => operation.responses), document.components.responses]

describe('the OpenAPI document', () => {
  it('has no enum without a name, and none with null in it: give its schema .meta({ "x-name": … })', () => {
    const enums = everything.filter(({ part }) => Array.isArray(part.enum))
    const named = new Set(Object.keys(schemas).map((name) => `/components/schemas/${name}`))
    expect(enums.filter(({ pointer }) => !named.has(pointer)).map(({ pointer }) => pointer)).toEqual([])
    expect(enums.flatMap(({ part }) => part.enum as unknown[])).not.toContain(null)
    for (const name of [
      'Aggregation',
      'Interval',
      'SubscriptionStatus',
      'InvoiceStatus',
      'Window',
      'ErrorCode',
    ])
      expect(Object.keys(schemas)).toContain(name)
  })

  it('names every page, which is a list and a cursor', () => {
    const pages = Object.entries(schemas).filter(
      ([, { properties = {} }]) => 'next_cursor' in (properties as object),
    )
    expect(pages.length).toBeGreaterThan(12)
    for (const [name, page] of pages) {
      expect(name).toMatch(/Page$/)
      expect(page.required).toEqual(['data', 'next_cursor'])
    }
    const inline = everything.filter(({ part }) => 'next_cursor' in Object(part.properties))
    expect(inline.length).toBe(pages.length)
  })

  it('has numbers and booleans where the query’s text is read as such', () => {
    const parameters = everything.filter(({ part }) => part.in === 'query').map(({ part }) => part)
    const limits = parameters.filter(({ name }) => name === 'limit').map(({ schema }) => schema)
    expect(limits.length).toBeGreaterThan(12)
    for (const limit of limits)
      expect(limit).toMatchObject({ type: 'integer', minimum: 1, maximum: 100, default: 20 })
    for (const name of ['retry_quarantined', 'drop_missing'])
      expect(parameters.find((one) => one.name === name)?.schema).toMatchObject({ type: 'boolean' })
  })

  it('is closed in what it takes and open in what it answers', () => {
    const closed = (name: string) => JSON.stringify(schemas[name]).includes('"additionalProperties":false')
    expect([...reached(answered)].filter(closed)).toEqual([])
    for (const name of ['MeterInput', 'PlanInput', 'PriceInput', 'FlatPriceInput', 'TierInput', 'Event'])
      expect(reached(taken).has(name), name).toBe(true)
    for (const name of ['MeterInput', 'PlanInput', 'FlatPriceInput', 'TierInput', 'Event'])
      expect(closed(name), name).toBe(true)
  })

  it('calls every decimal one', () => {
    const bare = everything.filter(
      ({ part }) =>
        typeof part.pattern === 'string' &&
        part.pattern.includes('(\\.\\d') &&
        // Times have fractions, too.
        !part.pattern.includes('[Tt]') &&
        part.format !== 'decimal',
    )
    expect(bare.map(({ pointer }) => pointer)).toEqual([])
  })

  it('describes every operation, who runs it, where it is, and the headers of its answers', () => {
    for (const { name, operation } of operations) {
      expect(operation.description, name).toBeTruthy()
      for (const [status, response] of Object.entries(operation.responses)) {
        const shared = String(response.$ref ?? '')
          .split('/')
          .at(-1)!
        const { headers } = (shared === '' ? response : document.components.responses[shared]) as Json
        expect(headers, `${name} ${status}`).toHaveProperty('x-request-id')
        if (status === '503') expect(headers, name).toHaveProperty('retry-after')
        if (status === '401') expect(headers, name).toHaveProperty('www-authenticate')
      }
    }
    expect(document.servers).toMatchObject([{ url: 'https://billing.acme.example' }])
    expect(document.info).toHaveProperty('contact.name')
  })

  it('has examples that are what the schema beside them says', () => {
    const validate = validatorOf(document)
    const wrong = everything.flatMap(({ part, pointer }) => {
      const isSchema = 'type' in part || '$ref' in part || 'oneOf' in part || 'anyOf' in part
      if (isSchema && 'example' in part && !pointer.endsWith('/properties')) {
        const said = validate(pointer, part.example)
        return said === null ? [] : [`${pointer}: ${said}`]
      }
      if (!('schema' in part) || typeof part.examples !== 'object') return []
      return Object.entries(part.examples as Record<string, { value: unknown }>).flatMap(
        ([name, { value }]) => {
          const said = validate(`${pointer}/schema`, value)
          return said === null ? [] : [`${pointer}, ${name}: ${said}`]
        },
      )
    })
    expect(wrong).toEqual([])
  })
})

describe('an answer is held against the document', () => {
  const judge = judgeAnswers(document)
  const json = 'application/json'
  const problem = (status: number, code: string) => ({
    method: 'GET',
    path: '/api/v1/meters/calls?x=1',
    status,
    contentType: 'application/problem+json',
    body: { type: `/errors#${code}`, title: 'T', status, detail: 'D', code, request_id: 'r' },
  })

  it('and passes as it should be', () => {
    const page = { data: [], next_cursor: null, later: 'a new field' }
    expect(
      judge({ method: 'GET', path: '/api/v1/meters', status: 200, contentType: json, body: page }),
    ).toBeNull()
    expect(judge(problem(404, 'not_found'))).toBeNull()
    expect(judge({ ...problem(404, 'not_found'), path: '/nowhere' })).toBeNull()
  })

  it.each([
    ['a status that the operation does not have', { ...problem(409, 'state_conflict') }],
    ['a code that the operation does not have', problem(404, 'already_priced')],
    ['a code with another’s status', problem(422, 'not_found')],
    ['another media type', { ...problem(404, 'not_found'), contentType: json }],
    [
      'a page without its cursor',
      { ...problem(200, ''), path: '/api/v1/meters', contentType: json, body: { data: [] } },
    ],
    ['a body where there is none', { ...problem(204, ''), method: 'DELETE', path: '/api/v1/api-keys/1' }],
  ])('and does not with %s', (_, answer) => {
    expect(judge(answer)).not.toBeNull()
  })
})
