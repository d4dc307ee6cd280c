// The answer to whatever is thrown, and a line in the log if it is ours.

import type { Context } from 'hono'
import { newId } from '../kernel/ids.ts'
import type { Env } from './env.ts'
import { logError } from './log.ts'
import { isOurs, problemResponse } from './problem.ts'

type Refused = { id: string; method: string; path: string }

export const failed = (c: Context<Env>, error: unknown, headers?: Record<string, string>): Response =>
  failure(error, { id: c.get('requestId') ?? newId(), method: c.req.method, path: c.req.path }, headers)

export function failure(error: unknown, request: Refused, headers?: Record<string, string>): Response {
  if (isOurs(error)) logError(error, request)
  return problemResponse(error, request.id, headers)
}
