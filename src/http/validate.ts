// From what zod found wrong to what the caller is told: where (a JSON pointer, or a parameter's name), and what would be
// right. A schema's own text goes first; here are the words for what schemas don't say themselves.

import type { z } from 'zod'
import { type Issue, TollgateError } from '../kernel/errors.ts'

export const ERRORS_SHOWN = 100
const VALUES_SHOWN = 20

/** Names the place of an issue, from its path. */
type Pointer = (path: PropertyKey[]) => string

export const bodyPointer: Pointer = (path) => ['#', ...path.map((part) => escaped(String(part)))].join('/')
export const parameterPointer: Pointer = (path) => path.map(String).join('.')

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
  const issues = issuesOf(result.error.issues, pointer)
  const [first] = issues
  const count = issues.length === 1 ? 'a mistake' : `${issues.length} mistakes, the first`
  throw new TollgateError('validation_failed', `${what} has ${count}: ${first?.pointer} ${first?.detail}.`, {
    issues: issues.slice(0, ERRORS_SHOWN),
  })
}

export function issuesOf(
  found: readonly z.core.$ZodIssue[],
  pointer: Pointer,
  at: PropertyKey[] = [],
): Issue[] {
  return found.flatMap((issue): Issue[] => {
    const path = [...at, ...issue.path]
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: pointer([...path, key]), detail: issue.message }))
    }
    // Every form was refused: the one that came furthest is the one that was meant.
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const furthest = issue.errors.reduce((best, form) => (depth(form) > depth(best) ? form : best))
      if (depth(furthest) > 0) return issuesOf(furthest, pointer, path)
    }
    if (issue.code === 'invalid_key') {
      const said = issue.issues.map(({ message }) => message).join('; ')
      return [{ pointer: pointer(path), detail: `has a name that is not allowed: it ${said}` }]
    }
    return [{ pointer: pointer(path), detail: issue.message }]
  })
}

const depth = (issues: readonly z.core.$ZodIssue[]): number =>
  Math.max(0, ...issues.map((issue) => issue.path.length))

/** What is right instead, for issues whose schema has no text of its own. */
export function explained(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value'))
    return 'is required'
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
