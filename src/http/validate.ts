// From what zod found wrong to what the caller is told: where (a JSON pointer, or a parameter's name), and what would be
// right. A schema's own text goes first; here are the words for what schemas don't say themselves.

import type { z } from 'zod'
import { type Issue, TollgateError } from '../kernel/errors.ts'

export const ERRORS_SHOWN = 100
const VALUES_SHOWN = 20
const NAME_CHARS = 128

/** Names the place of an issue, from its path. */
type Pointer = (path: PropertyKey[]) => string

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

/** The parsed value. Throws validation_failed with every issue. `what` begins the sentence: "The body", "The query". */
export function parsed<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  what: string,
  pointer: Pointer,
): Output {
  const result = schema.safeParse(value, { error: explained })
  if (result.success) return result.data
  const issues = issuesOf(result.error.issues, { value, pointer })
  const [first] = issues
  const count = issues.length === 1 ? 'a mistake' : `${issues.length} mistakes, the first`
  throw new TollgateError('validation_failed', `${what} has ${count}: ${first?.pointer} ${first?.detail}.`, {
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

/** What is right instead, for issues whose schema has no text of its own. */
export function explained(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return Array.isArray(issue.input) && issue.expected === 'string'
        ? 'must be one string, not a list'
        : `must be ${a(String(issue.expected))}`
    case 'invalid_value':
      return `must be ${listed((issue.values as unknown[]).map((value) => JSON.stringify(value)))}`
    case 'too_small':
      return `must ${bound(issue, 'at least', issue.minimum as number)}`
    case 'too_big':
      return `must ${bound(issue, 'at most', issue.maximum as number)}`
    case 'unrecognized_keys': {
      const shape = (issue.inst as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape
      return `is not known here; these are: ${Object.keys(shape ?? {}).join(', ')}`
    }
    case 'invalid_union':
      return issue.discriminator && Array.isArray(issue.options)
        ? `must be ${listed(issue.options.map((value) => JSON.stringify(value)))}`
        : undefined
    case 'invalid_format':
      return issue.pattern ? `must be like ${String(issue.pattern)}` : `must be ${a(String(issue.format))}`
    default:
      return undefined
  }
}

function bound(issue: z.core.$ZodRawIssue, atLeast: string, count: number): string {
  const things: Record<string, string> = {
    string: 'character',
    array: 'item',
    object: 'field',
    map: 'field',
    set: 'item',
  }
  const thing = things[String(issue.origin)]
  return thing === undefined
    ? `be ${atLeast} ${count}`
    : `have ${atLeast} ${count} ${thing}${count === 1 ? '' : 's'}`
}

const a = (type: string): string => {
  const name = {
    record: 'an object',
    object: 'an object',
    array: 'a list',
    int: 'a whole number',
    null: 'null',
  }[type]
  return name ?? `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}

const listed = (values: string[]): string =>
  values.length === 1
    ? values[0]!
    : `one of ${values.slice(0, VALUES_SHOWN).join(', ')}${values.length > VALUES_SHOWN ? ', …' : ''}`
