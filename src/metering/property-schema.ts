// A property as the API takes it from whoever makes a meter: a name, or a path.

import { line } from '../kernel/text.ts'
import { PROPERTY_PATH_CHARS } from './limits.ts'
import { parsePath } from './property-path.ts'

/** Any text of that form: to send a meter back as it is. Meters from before there were paths have any names. */
export const writtenSchema = line(PROPERTY_PATH_CHARS)

export const propertySchema = writtenSchema.superRefine((written, context) => {
  const path = parsePath(written)
  if ('wrong' in path) context.addIssue({ code: 'custom', message: path.wrong })
})
