// Every schema that a request is checked by, with wrong input of each kind in every place of it: the answers are ours, they
// say what would be right and what was sent, and never speak in zod's words.

import type { Context } from 'hono'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { createApp } from '../../src/http/app.ts'
import type { Env } from '../../src/http/env.ts'
import { withSent } from '../../src/http/sent.ts'
import { bodyPointer, parameterPointer, refusal } from '../../src/http/validate.ts'
import { TollgateError } from '../../src/kernel/errors.ts'
import { cloudEventSchema, fromCloudEvent } from '../../src/metering/cloud-event.ts'
import { eventSchema, parseEvent } from '../../src/metering/event.ts'
import { defaultLimits } from '../../src/metering/limits.ts'
import type { Services } from '../../src/services.ts'

const ZODS = /Invalid|Too small|Too big|expected|received|Unrecognized/

const nothing = {}
const app = createApp({
  ...{ clock: Date.now, limits: defaultLimits, counters: nothing, usage: nothing, access: nothing },
  ...{ configs: nothing, catalog: nothing, accounts: nothing, coupons: nothing, billing: nothing },
  ...{ idempotency: nothing, adminToken: null },
} as unknown as Services)

type Part = { name: string; schema: z.ZodType; kind: 'body' | 'parameters' }

const parts: Part[] = app.openAPIRegistry.definitions.flatMap((definition) => {
  if (definition.type !== 'route') return []
  const { method, path, request } = definition.route
  const name = `${method.toUpperCase()} ${path}`
  const bodies = Object.values(request?.body?.content ?? {}) as { schema?: unknown }[]
  return [
    ...[request?.params, request?.query].map((schema) => ({ name, schema, kind: 'parameters' })),
    ...bodies.map(({ schema }) => ({ name, schema, kind: 'body' })),
  ].filter(({ schema }) => schema !== undefined) as Part[]
})

const WRONG: unknown[] = [
  ...[null, true, 5, -1, 1.5, 1e300, 0, '', ' ', 'nonsense', 'a\u0000b', '\ud800', '-1', '1e999', '..'],
  ...['2026-02-30', '2026-11-20 10:00:00Z', 'x'.repeat(3_000), [], [null], {}, { nope: 1 }],
  ...[Array.from({ length: 2_000 }, () => 'x'), { ['x'.repeat(3_000)]: 1 }],
]

type Def = {
  type: string
  shape: Record<string, z.ZodType>
  element: z.ZodType
  valueType: z.ZodType
  options: z.ZodType[]
  innerType: z.ZodType
  in: z.ZodType
  values: unknown[]
  entries: Record<string, unknown>
}
const defOf = (schema: z.ZodType) => (schema as unknown as { _zod: { def: Def } })._zod.def

/** Forms that several schemas share are looked into once. */
const walked = new Set<unknown>()

/** Values with something wrong in every place that the schema has. */
function* wrongIn(schema: z.ZodType): Iterable<unknown> {
  const def = defOf(schema)
  yield* WRONG
  const parts = def.shape ?? def.options ?? def.element
  if (walked.has(parts)) return
  if (parts) walked.add(parts)
  switch (def.type) {
    case 'object': {
      const told = choices(def.shape)
      for (const [name, inner] of Object.entries(def.shape))
        for (const value of wrongIn(inner)) yield { ...told, [name]: value }
      yield { ...told, nope: 1 }
      return
    }
    case 'array':
      for (const value of wrongIn(def.element)) yield [value]
      return
    case 'record':
      for (const value of wrongIn(def.valueType)) yield { name: value }
      return yield { '': 'x', 'a\nb': 'x' }
    case 'union':
      for (const option of def.options) yield* wrongIn(option)
      return
    case 'pipe':
      return yield* wrongIn(def.in)
    default:
      if (def.innerType) yield* wrongIn(def.innerType)
  }
}

/** The fields that say which form an object has, so that others are looked at. */
function choices(shape: Record<string, z.ZodType>): Record<string, unknown> {
  const told = Object.entries(shape).flatMap(([name, schema]) => {
    const { type, values, entries } = defOf(schema)
    if (type === 'literal') return [[name, values[0]]]
    return type === 'enum' ? [[name, Object.values(entries)[0]]] : []
  })
  return Object.fromEntries(told)
}

const seen = new Set<string>()

/** What the caller would be told, as the routes tell it. */
function told(schema: z.ZodType, value: unknown, kind: Part['kind']): TollgateError | null {
  const result = schema.safeParse(value)
  if (result.success) return null
  for (const { code } of result.error.issues) seen.add(code)
  const pointer = kind === 'body' ? bodyPointer : parameterPointer
  return withSent(contextOf(value, kind), refusal(result.error.issues, value, 'The input', pointer))
}

function contextOf(value: unknown, kind: Part['kind']): Context<Env> {
  const parameters = typeof value === 'object' && value !== null ? value : {}
  return {
    get: () => (kind === 'body' ? JSON.stringify(value) : undefined),
    req: { queries: () => (kind === 'body' ? {} : parameters), param: () => ({}) },
  } as unknown as Context<Env>
}

function expectOurs({ detail, issues }: TollgateError, value: unknown): void {
  const sent = JSON.stringify(value).slice(0, 200)
  expect(issues.length, sent).toBeGreaterThan(0)
  for (const text of [detail, ...issues.map((issue) => issue.detail)]) {
    expect(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, ''), sent).not.toMatch(ZODS)
    expect(text.length, sent).toBeLessThan(2_000)
  }
  for (const issue of issues) expect(issue.detail, sent).toMatch(/^(must|is|has|lies|needs|can’t|it) /)
}

describe('what is wrong with a request is told in our words', () => {
  it.each(parts)('$kind of $name', ({ schema, kind }) => {
    let refused = 0
    for (const value of wrongIn(schema)) {
      const error = told(schema, value, kind)
      if (error === null) continue
      refused++
      expectOurs(error, value)
    }
    expect(refused).toBeGreaterThan(0)
  })

  it('whatever kind of mistake zod knows', () => {
    expect([...seen].sort()).toEqual(
      expect.arrayContaining(
        [
          ...['custom', 'invalid_format', 'invalid_type', 'invalid_union', 'invalid_value'],
          ...['too_big', 'too_small', 'unrecognized_keys'],
        ].sort(),
      ),
    )
  })

  it('for an event, and for a CloudEvent, which are checked on their own', () => {
    const events = (schema: z.ZodType, check: (sent: unknown) => unknown) => {
      for (const value of wrongIn(schema)) {
        const wrong = check(value)
        if (Array.isArray(wrong) && wrong.length > 0)
          expectOurs(new TollgateError('validation_failed', '', { issues: wrong }), value)
      }
    }
    events(eventSchema, (sent) => parseEvent(sent, '#', Date.now(), () => 'id'))
    events(cloudEventSchema, (sent) => fromCloudEvent(sent, '#'))
  })
})

describe('what was sent', () => {
  const of = (name: string) => parts.find((part) => part.name === name && part.kind === 'body')!.schema
  const details = (name: string, text: string) => {
    const context = { ...contextOf({}, 'body'), get: () => text } as unknown as Context<Env>
    const value = JSON.parse(text)
    const { error } = of(name).safeParse(value)
    return withSent(context, refusal(error!.issues, value, 'The body', bodyPointer)).issues.map(
      ({ pointer, detail }) => `${pointer} ${detail}`,
    )
  }

  it.each([
    ['{"key":5,"resource_type":"r","aggregation":"sum"}', '(sent: 5)'],
    ['{"key":"NO","resource_type":"r","aggregation":"sum"}', '(sent: "NO")'],
    ['{"key":null,"resource_type":"r","aggregation":"sum"}', '(sent: null)'],
    ['{"key":["k"],"resource_type":"r","aggregation":"sum"}', 'not a list'],
    ['{"key":{},"resource_type":"r","aggregation":"sum"}', '(sent: an object)'],
    ['{"key":9223372036854775807,"resource_type":"r","aggregation":"sum"}', '(sent: 9223372036854775807)'],
    [
      '{"key":1.00000000000000000001,"resource_type":"r","aggregation":"sum"}',
      '(sent: 1.00000000000000000001)',
    ],
  ])('is told of %s: %s', (text, sent) => {
    expect(details('POST /api/v1/meters', text)).toEqual([expect.stringContaining(sent)])
  })

  it.each(['12345678901234567890', '0.1', '9223372036854775807', '1.10', '1E+2', '0.30000000000000004'])(
    'as a number in place of an amount is advised with its own digits: %s',
    (digits) => {
      const text = `{"price":{"model":"per_unit","unit_amount":${digits}},"quantity":"1","currency":"USD"}`
      expect(details('POST /api/v1/prices/preview', text)).toEqual([
        `#/price/unit_amount must be a string, so that no digit is lost: send "${digits}", not ${digits}`,
      ])
    },
  )

  it('is not told at length', () => {
    const text = JSON.stringify({ key: 'X'.repeat(100_000), resource_type: 'r', aggregation: 'sum' })
    expect(details('POST /api/v1/meters', text)[0]!.length).toBeLessThan(300)
  })
})
