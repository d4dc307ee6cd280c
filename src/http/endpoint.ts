// One endpoint: where it is, who may use it, what it takes and what it answers. The same definition checks requests and
// becomes the OpenAPI document, so that the two can't differ.

import type { Context } from 'hono'
import type { z } from 'zod'
import type { ErrorCode } from '../kernel/errors.ts'
import type { Access } from './admit.ts'
import type { Env } from './env.ts'

export type Method = 'get' | 'post' | 'patch' | 'delete'

export type Endpoint<Params = unknown, Query = unknown, Body = unknown> = {
  method: Method
  /** `/api/v1/meters/{key}` */
  path: string
  /** OpenAPI's operationId: `createMeter` */
  id: string
  tag: string
  summary: string
  description?: string
  access: Access
  /** An object with a field for each `{name}` in the path. */
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  /** A JSON body, checked before `handle`. */
  body?: z.ZodType<Body>
  /** Instead of `body`: JSON of one of these media types, which `handle` checks itself. The schemas are for the reference. */
  uncheckedBody?: Record<string, z.ZodType>
  /**
   * Instead of both: a body of one of these media types, of any length, which `handle` reads as it comes. It is never kept, and
   * so takes no Idempotency-Key.
   */
  streamedBody?: Record<string, z.ZodType>
  /** Headers that `handle` reads, for the reference: an object of optional strings. */
  headers?: z.ZodObject
  /** A POST that writes nothing, and whose answer is too long to be kept: it takes no Idempotency-Key. */
  onlyReads?: true
  /** Its answer holds a secret that is stored nowhere else. */
  showsSecret?: true
  /** `contentType`: JSON if absent; several if the caller chooses. */
  responses: Record<number, { description: string; schema?: z.ZodType; contentType?: string | string[] }>
  /** Error codes beyond those that access, parameters and body bring along. */
  errors?: ErrorCode[]
  handle(c: Context<Env>, input: Input<Params, Query, Body>): Promise<Response> | Response
}

export type Input<Params, Query, Body> = {
  params: Params
  query: Query
  body: Body
  /** of the body, without parameters; empty if there is none */
  mediaType: string
  /** the body as it was sent, before its schema filled in and converted anything */
  sent: unknown
}

/** Whether it honours Idempotency-Key: whatever may write does. */
export const takesIdempotencyKey = ({
  method,
  access,
  onlyReads,
  streamedBody,
}: Pick<Endpoint, 'method' | 'access' | 'onlyReads' | 'streamedBody'>): boolean =>
  method !== 'get' && access !== 'public' && onlyReads !== true && streamedBody === undefined

/** The error codes that an endpoint can answer with. */
export function errorCodesOf(endpoint: Endpoint): ErrorCode[] {
  const codes = new Set<ErrorCode>(endpoint.errors)
  if (endpoint.access !== 'public')
    for (const code of ['unauthorized', 'store_unavailable'] as const) codes.add(code)
  if (takesIdempotencyKey(endpoint)) {
    for (const code of ['validation_failed', 'idempotency_in_progress', 'idempotency_key_reused'] as const)
      codes.add(code)
  }
  if (endpoint.params || endpoint.query) codes.add('validation_failed')
  if (endpoint.body || endpoint.uncheckedBody || endpoint.streamedBody) {
    for (const code of [
      'malformed_json',
      'body_too_large',
      'unsupported_media_type',
      'validation_failed',
    ] as const) {
      codes.add(code)
    }
  }
  return [...codes, 'internal']
}
