// Answers, with the headers that every one of them has. They are plain objects given when the answer is made: adding
// headers later costs the hot path more than all of its other handling here.

import type { Context } from 'hono'
import type { Env } from './env.ts'

/** Those of every answer with a body. */
export const answerHeaders = (requestId: string, contentType: string): Record<string, string> => ({
  'content-type': contentType,
  'x-request-id': requestId,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
})

export function respond(
  requestId: string,
  status: number,
  body: string | null,
  contentType: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(body, { status, headers: { ...answerHeaders(requestId, contentType), ...headers } })
}

/** A JSON answer. */
export const reply = (
  c: Context<Env>,
  status: number,
  body: unknown,
  headers?: Record<string, string>,
): Response => respond(c.get('requestId'), status, JSON.stringify(body), 'application/json', headers)

/** 204 */
export const nothing = (c: Context<Env>): Response =>
  new Response(null, {
    status: 204,
    headers: { 'x-request-id': c.get('requestId'), 'cache-control': 'no-store' },
  })
