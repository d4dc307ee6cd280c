// The log of what went wrong on our side: one JSON line each. It has the internal voice of an error, and no secrets: no
// parameters of statements (drizzle puts them into its messages), no keys, no passwords of addresses.

import { TollgateError } from '../kernel/errors.ts'

const CAUSES_FOLLOWED = 5
const TEXT_CHARS = 2_000

const SECRETS: [RegExp, string][] = [
  [/\btg_[0-9A-Za-z]+/g, 'tg_…'],
  [/\b(Bearer|Basic)\s+\S+/gi, '$1 …'],
  [/(\w+:\/\/)[^\s/@]+@/g, '$1…@'],
  [/\nparams:[\s\S]*/g, ''],
]

type Described = { name: string; message: string; code?: string; stack?: string }

export function logError(error: unknown, request: { id: string; method: string; path: string }): void {
  const known = error instanceof TollgateError
  const line = {
    level: known && error.code === 'store_unavailable' ? 'warn' : 'error',
    time: new Date().toISOString(),
    request_id: request.id,
    method: request.method,
    path: redacted(request.path),
    ...(known && { code: error.code }),
    errors: described(error, !known),
  }
  console.error(JSON.stringify(line))
}

/** The error and its causes. */
function described(error: unknown, withStack: boolean): Described[] {
  const all: Described[] = []
  let current = error
  while (current !== undefined && current !== null && all.length < CAUSES_FOLLOWED) {
    if (!(current instanceof Error)) {
      all.push({ name: typeof current, message: redacted(String(current)) })
      break
    }
    const { code } = current as { code?: unknown }
    all.push({
      name: current.name,
      message: redacted(current.message),
      ...(typeof code === 'string' && { code }),
      ...(withStack && current.stack !== undefined && { stack: framesOf(current.stack) }),
    })
    current = current.cause
  }
  return all
}

/** The frames alone: what comes before them repeats the message. */
const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .map((line) => line.trim())
    .join('\n')

function redacted(text: string): string {
  let safe = text
  for (const [secret, shown] of SECRETS) safe = safe.replace(secret, shown)
  return safe.slice(0, TEXT_CHARS)
}
