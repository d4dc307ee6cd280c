// Every refusal Tollgate can give, by name. A domain throws a code and two voices: `detail` is for the caller,
// `internal` only for the log. How a code becomes an HTTP status stands in one table, in src/http/problem.ts.

export const errorCodes = [
  'malformed_json',
  'validation_failed',
  'unauthorized',
  'not_found',
  'method_not_allowed',
  'already_exists',
  'meaning_would_change',
  'event_conflict',
  'idempotency_in_progress',
  'idempotency_key_reused',
  'already_priced',
  'state_conflict',
  'effect_changed',
  'before_the_log',
  'hours_gone',
  'events_erased',
  'too_much_at_once',
  'unknown_resource_type',
  'quantity_out_of_range',
  'batch_too_large',
  'body_too_large',
  'unsupported_media_type',
  'backlog_full',
  'log_backlog_full',
  'memory_full',
  'too_many_counters',
  'store_unavailable',
  'misconfigured',
  'internal',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** One thing that is wrong with the input: where (a JSON pointer such as `#/3/quantity`, or a parameter's name) and what would be right. */
export type Issue = { pointer: string; detail: string }

export class TollgateError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly issues: Issue[]
  readonly retryAfterSeconds: number | undefined
  /** which one is away */
  readonly store: 'counters' | undefined

  constructor(
    code: ErrorCode,
    detail: string,
    more: { issues?: Issue[]; retryAfterSeconds?: number; store?: 'counters'; internal?: unknown } = {},
  ) {
    super(detail, more.internal === undefined ? undefined : { cause: more.internal })
    this.name = 'TollgateError'
    this.code = code
    this.detail = detail
    this.issues = more.issues ?? []
    this.retryAfterSeconds = more.retryAfterSeconds
    this.store = more.store
  }
}
