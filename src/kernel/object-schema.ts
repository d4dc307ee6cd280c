// Objects as the API takes them: a field that Tollgate doesn't know is refused by name, with the fields that it does know.
// A misspelt `minimum_ammount` that is silently dropped is money.

import { z } from 'zod'

const FIELDS_NAMED = 5
const FIELD_CHARS = 64

/** `what`: the object's name, such as "A tier". */
export const knownFields = <Shape extends z.ZodRawShape>(what: string, shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => {
      const known = `${what.charAt(0).toLowerCase()}${what.slice(1)} has ${Object.keys(shape).join(', ')}`
      if (issue.code === 'invalid_type') return `must be an object: ${known}`
      if (issue.code !== 'unrecognized_keys') return undefined
      const unknown = (issue.keys as string[])
        .slice(0, FIELDS_NAMED)
        .map((key) => JSON.stringify(key.slice(0, FIELD_CHARS)))
      return `must not have ${unknown.join(', ')}: ${known}`
    },
  })
