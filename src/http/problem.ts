// The one table from error codes to HTTP, and the answer made of an error (RFC 9457).

import { type ErrorCode, type Issue, TollgateError } from '../kernel/errors.ts'
import { respond } from './reply.ts'

type Status = 400 | 401 | 404 | 405 | 409 | 413 | 415 | 422 | 500 | 503

export const problems: Record<ErrorCode, { status: Status; title: string }> = {
  malformed_json: { status: 400, title: 'The body is not JSON' },
  validation_failed: { status: 422, title: 'Something in the request is invalid' },
  unauthorized: { status: 401, title: 'Not authorized' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  already_exists: { status: 409, title: 'It exists already, with other content' },
  meaning_would_change: { status: 409, title: 'What was counted would mean something else' },
  already_priced: { status: 409, title: 'A meter would be billed twice' },
  state_conflict: { status: 409, title: 'Its state does not allow that' },
  effect_changed: { status: 409, title: 'What it changes is no longer what was shown' },
  before_the_log: { status: 409, title: 'The log does not reach back that far' },
  hours_gone: { status: 409, title: 'Its hours are no longer kept' },
  events_erased: { status: 409, title: 'Events that it needs were erased' },
  too_much_at_once: { status: 422, title: 'It takes too much at once' },
  event_conflict: { status: 409, title: 'The id was used before for another event' },
  idempotency_in_progress: { status: 409, title: 'The first request with this Idempotency-Key is under way' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key was used for another request' },
  unknown_resource_type: { status: 422, title: 'No meter measures this resource type' },
  quantity_out_of_range: { status: 422, title: 'A quantity is out of range' },
  batch_too_large: { status: 413, title: 'The batch is too large' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  backlog_full: { status: 503, title: 'Too many counters wait to be settled' },
  log_backlog_full: { status: 503, title: 'Too many events wait to be written to the log' },
  memory_full: { status: 503, title: 'The counter store’s memory is full' },
  too_many_counters: { status: 503, title: 'Too many counters for one read' },
  store_unavailable: { status: 503, title: 'A store can’t be reached' },
  misconfigured: { status: 500, title: 'The service is misconfigured' },
  internal: { status: 500, title: 'Something went wrong on our side' },
}

const RETRY_AFTER_SECONDS = 5
const INTERNAL = 'Something went wrong on our side. If it stays, report the request id.'

export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorCode
  request_id: string
  errors?: Issue[]
}

/** Where a code is explained: relative, so that it is right wherever the app runs. */
export const problemType = (code: ErrorCode): string => `/errors#${code}`

/** The answer to an error. What is no TollgateError is answered with nothing but the request's id. */
export function problemResponse(
  error: unknown,
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  const known = error instanceof TollgateError && error.code !== 'internal' ? error : null
  const code = known?.code ?? 'internal'
  const { status, title } = problems[code]
  const retryAfterSeconds = known?.retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_SECONDS : undefined)
  const problem: Problem = {
    type: problemType(code),
    title,
    status,
    detail: known?.detail ?? INTERNAL,
    code,
    request_id: requestId,
    ...(known && known.issues.length > 0 && { errors: known.issues }),
  }
  return respond(requestId, status, JSON.stringify(problem), 'application/problem+json', {
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(status === 401 && { 'www-authenticate': 'Bearer realm="tollgate"' }),
    ...(status === 415 && { 'accept-encoding': 'gzip, identity' }),
    ...headers,
  })
}

/** Whether the log should tell of it: what is our side's, not what a caller did wrong. */
export const isOurs = (error: unknown): boolean =>
  !(error instanceof TollgateError) || problems[error.code].status >= 500
