// Puts behind what would be right what was sent in its place, as it stands in the request. Only a refusal comes here, so that
// nothing else pays for it. Numbers are shown with the digits that they were written with: as a double, 9223372036854775807
// is 9223372036854775808, and to advise that would be advice to bill another number.

import type { Context } from 'hono'
import { SEND_A_STRING } from '../kernel/decimal-schema.ts'
import { type Issue, TollgateError } from '../kernel/errors.ts'
import type { Env } from './env.ts'

const CHARS_SHOWN = 40

/** The same refusal, saying of each issue what was sent. */
export function withSent(c: Context<Env>, error: TollgateError): TollgateError {
  if (error.issues.length === 0) return error
  const issues = issuesWithSent(c, error.issues)
  const [before, after] = [error.issues[0]!.detail, issues[0]!.detail]
  const detail = error.detail.replace(before, () => after)
  return new TollgateError(error.code, detail, { issues })
}

export function issuesWithSent(c: Context<Env>, issues: Issue[]): Issue[] {
  const text = c.get('bodyText')
  const body = text === undefined ? undefined : written(text)
  const parameters: Record<string, unknown> = { ...c.req.queries(), ...c.req.param() }
  return issues.map(({ pointer, detail }) => {
    const value = pointer.startsWith('#') ? valueAt(body, pointer) : parameter(parameters, pointer)
    return { pointer, detail: told(detail, value) }
  })
}

/** A number as it is written; null where the runtime doesn't tell (Node before 21). */
class Digits {
  readonly text: string | null

  constructor(text: string | null) {
    this.text = text
  }
}

type Reviver = (name: string, value: unknown, context?: { source?: string }) => unknown

/** The body, with numbers as they are written. */
function written(text: string): unknown {
  const revive: Reviver = (_, value, context) =>
    typeof value === 'number' ? new Digits(context?.source ?? null) : value
  try {
    return JSON.parse(text, revive)
  } catch {
    // It is no JSON, or nested too deeply.
    return undefined
  }
}

function valueAt(body: unknown, pointer: string): unknown {
  let at = body
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || at instanceof Digits || !Object.hasOwn(at, name))
      return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

function parameter(parameters: Record<string, unknown>, name: string): unknown {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined
  return Array.isArray(value) && value.length === 1 ? value[0] : value
}

function told(detail: string, value: unknown): string {
  const sent = shown(value, detail)
  if (sent === null) return detail
  if (value instanceof Digits && detail.includes(SEND_A_STRING))
    return detail.replace(SEND_A_STRING, () => `send "${sent}", not ${sent}`)
  // What is said of a name, or says it already.
  if (/^is (not|required)|^must not have/.test(detail) || detail.includes(sent)) return detail
  return `${detail} (sent: ${sent})`
}

function shown(value: unknown, detail: string): string | null {
  if (value instanceof Digits)
    return value.text === null || value.text.length > CHARS_SHOWN ? null : value.text
  if (typeof value === 'string')
    return value.length > CHARS_SHOWN
      ? `${JSON.stringify(value.slice(0, CHARS_SHOWN).toWellFormed())}…`
      : JSON.stringify(value)
  if (typeof value === 'boolean' || value === null) return String(value)
  if (typeof value !== 'object' || !detail.startsWith('must be')) return null
  return Array.isArray(value) ? 'a list' : 'an object'
}
