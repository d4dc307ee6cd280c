// From what zod found wrong to what the caller is told: where (a JSON pointer, or a parameter's name), and what would be
// right. The words are the schemas', or those of kernel/explained.ts.

import '../kernel/explained.ts'
import type { z } from 'zod'
import { type Issue, TollgateError } from '../kernel/errors.ts'

const ERRORS_SHOWN = 100
const NAME_CHARS = 128

/** Names the place of an issue, from its path. */
export type Pointer = (path: PropertyKey[]) => string

/** To what is around it, where a name is so long that repeating it helps nobody. */
export const bodyPointer: Pointer = (path) => {
  const parts = path.map(String)
  const tooLong = parts.findIndex((part) => part.length > NAME_CHARS)
  const shown = tooLong < 0 ? parts : parts.slice(0, tooLong)
  return ['#', ...shown.map(escaped)].join('/')
}
export const parameterPointer: Pointer = (path) => {
  const name = path.map(String).join('.')
  return name.length > NAME_CHARS ? `${name.slice(0, NAME_CHARS)}…` : name
}

const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1')

/** validation_failed with every issue. `what` begins the sentence: "The body", "The query". */
export function refusal(
  found: readonly z.core.$ZodIssue[],
  value: unknown,
  what: string,
  pointer: Pointer,
): TollgateError {
  const issues = issuesOf(found, { value, pointer })
  const [first] = issues
  const count = issues.length === 1 ? 'a mistake' : `${issues.length} mistakes, the first`
  return new TollgateError('validation_failed', `${what} has ${count}: ${first?.pointer} ${first?.detail}.`, {
    issues: issues.slice(0, ERRORS_SHOWN),
  })
}

type Sent = { value: unknown; pointer: Pointer }

function issuesOf(found: readonly z.core.$ZodIssue[], sent: Sent, at: PropertyKey[] = []): Issue[] {
  // What has the wrong type has no length, no form and no range that could be wrong too.
  const wrongTypes = new Set(
    found.filter(({ code }) => code === 'invalid_type').map(({ path }) => sent.pointer(path)),
  )
  return found
    .filter(({ code, path }) => code === 'invalid_type' || !wrongTypes.has(sent.pointer(path)))
    .flatMap((issue) => issuesOfOne(issue, sent, [...at, ...issue.path]))
}

function issuesOfOne(issue: z.core.$ZodIssue, sent: Sent, path: PropertyKey[]): Issue[] {
  const at = sent.pointer(path)
  if (issue.code !== 'custom' && isMissing(sent.value, path)) return [{ pointer: at, detail: 'is required' }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ pointer: sent.pointer([...path, key]), detail: issue.message }))
    case 'invalid_key': {
      const said = issue.issues.map(({ message }) => message).join('; ')
      return [{ pointer: at, detail: `has a name that is not allowed: it ${said}` }]
    }
    case 'invalid_union': {
      // Every form was refused: the one that came furthest is the one that was meant.
      const furthest = issue.errors.reduce((best, form) => (depth(form) > depth(best) ? form : best), [])
      return depth(furthest) > 0 ? issuesOf(furthest, sent, path) : [{ pointer: at, detail: issue.message }]
    }
    default:
      return [{ pointer: at, detail: issue.message }]
  }
}

/** Whether nothing was sent at this place, though what is around it was. */
function isMissing(value: unknown, path: PropertyKey[]): boolean {
  let around: unknown = value
  for (const [i, part] of path.entries()) {
    if (typeof around !== 'object' || around === null) return false
    if (!Object.hasOwn(around, part)) return i === path.length - 1
    around = (around as Record<PropertyKey, unknown>)[part]
  }
  return false
}

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map((issue) => issue.path.length))
