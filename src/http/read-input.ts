// Reads and checks what an endpoint takes: zod's validators of Hono, with problem documents for what they refuse. The body is
// read before they see it, by our own reader, which is bounded.

import { zValidator } from '@hono/zod-validator'
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import { TollgateError } from '../kernel/errors.ts'
import { JSON_TYPE, mediaTypeOf, readJson } from './body.ts'
import type { Endpoint, Input } from './endpoint.ts'
import type { Env } from './env.ts'
import { withSent } from './sent.ts'
import { bodyPointer, type Pointer, parameterPointer, refusal } from './validate.ts'

type Schemas = Pick<Endpoint, 'params' | 'query' | 'body'>

/** One middleware for each part of the request that has a schema; none costs nothing. */
export function validators({ params, query, body }: Schemas): MiddlewareHandler<Env>[] {
  return [
    ...(params || query ? [refuseBrokenEscapes] : []),
    ...(params ? [validator('param', params)] : []),
    ...(query ? [validator('query', query)] : []),
    ...(body ? [readBody, validator('json', body)] : []),
  ]
}

const parts: Record<'param' | 'query' | 'json', { what: string; pointer: Pointer }> = {
  param: { what: 'The path', pointer: parameterPointer },
  query: { what: 'The query', pointer: parameterPointer },
  json: { what: 'The body', pointer: bodyPointer },
}

const validator = (part: keyof typeof parts, schema: z.ZodType): MiddlewareHandler<Env> =>
  zValidator(part, schema, (result, c) => {
    if (result.success) return
    const { what, pointer } = parts[part]
    throw withSent(c as Context<Env>, refusal(result.error.issues, result.data, what, pointer))
  }) as MiddlewareHandler<Env>

/** Into Hono's own cache, from which the validator takes it. */
const readBody: MiddlewareHandler<Env> = async (c, next) => {
  const { json, text } = await readJson(c, [JSON_TYPE])
  // A promise, whatever the type says: so Hono keeps it.
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string
  c.set('sent', json)
  await next()
}

/** What the validators let through. A body without a schema is read here. */
export function inputReader<Params, Query, Body>(
  endpoint: Endpoint<Params, Query, Body>,
): (c: Context<Env>) => Input<Params, Query, Body> | Promise<Input<Params, Query, Body>> {
  const { params, query, body, uncheckedBody, streamedBody } = endpoint
  if (uncheckedBody) {
    const mediaTypes = Object.keys(uncheckedBody)
    return async (c) => {
      const { json, mediaType } = await readJson(c, mediaTypes)
      return { ...validated(c, { params, query }), body: json as Body, mediaType, sent: json }
    }
  }
  if (streamedBody) {
    const mediaTypes = Object.keys(streamedBody)
    return (c) => ({
      ...validated<Params, Query>(c, { params, query }),
      body: undefined as Body,
      mediaType: mediaTypeOf(c, mediaTypes),
      sent: undefined,
    })
  }
  return (c) => ({
    ...validated(c, { params, query }),
    body: (body && c.req.valid('json' as never)) as Body,
    mediaType: body ? JSON_TYPE : '',
    sent: body && c.get('sent'),
  })
}

const validated = <Params, Query>(
  c: Context<Env>,
  { params, query }: { params: unknown; query: unknown },
): { params: Params; query: Query } => ({
  params: (params && c.req.valid('param' as never)) as Params,
  query: (query && c.req.valid('query' as never)) as Query,
})

/** Left as they are or replaced, they would name another thing than the one that was meant. */
const refuseBrokenEscapes: MiddlewareHandler<Env> = async (c, next) => {
  if (c.req.url.includes('%')) mustDecode(c.req.url)
  await next()
}

function mustDecode(url: string): void {
  try {
    decodeURIComponent(url)
  } catch {
    throw new TollgateError(
      'validation_failed',
      'The address has a "%" that begins no valid escape. Send "%" itself as "%25".',
    )
  }
}
