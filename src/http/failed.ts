// The answer to whatever is thrown, and a line in the log if it is ours.

import type { Context } from 'hono'
import { newId } from '../kernel/ids.ts'
import type { Env } from './env.ts'
import { logError } from './log.ts'
import { isOurs, problemResponse } from './problem.ts'

export function failed(c: Context<Env>, error: unknown, headers?: Record<string, string>): Response {
  const requestId = c.get('requestId') ?? newId()
  if (isOurs(error)) logError(error, { id: requestId, method: c.req.method, path: c.req.path })
  return problemResponse(error, requestId, headers)
}
