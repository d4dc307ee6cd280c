// The one voice of every schema: what would be right, in our words, for whatever a schema has no text of its own for. Set for
// all of zod when this is imported, so that no schema can answer in zod's words, whoever parses with it.

import { z } from 'zod'

const VALUES_SHOWN = 20

export function explained(issue: z.core.$ZodRawIssue): string {
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
        : `must be ${listed(formsOf(issue.errors as z.core.$ZodIssue[][]))}`
    case 'invalid_format':
      return issue.pattern ? `must be like ${String(issue.pattern)}` : `must be ${a(String(issue.format))}`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    default:
      return 'is not one of the forms that are taken here'
  }
}

/** What each of a union's forms would have been. */
const formsOf = (errors: z.core.$ZodIssue[][]): string[] => [
  ...new Set(
    errors.flatMap(([first]) => (first === undefined ? [] : [first.message.replace(/^must be /, '')])),
  ),
]

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

z.config({ customError: explained })

const listed = (values: string[]): string =>
  values.length === 1
    ? values[0]!
    : `one of ${values.slice(0, VALUES_SHOWN).join(', ')}${values.length > VALUES_SHOWN ? ', …' : ''}`
