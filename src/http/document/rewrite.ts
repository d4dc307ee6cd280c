// The document as JSON, changed part by part after it was generated.

export type Json = Record<string, unknown>
export type Components = { schemas: Record<string, Json>; responses?: Record<string, Json> }

const SCHEMAS = '#/components/schemas/'
/** What stands there is data, not schemas. */
const DATA = new Set(['example', 'examples', 'default', 'const', 'enum'])

export const refTo = (name: string): string => `${SCHEMAS}${name}`

/** The value with every object in it changed, the inner ones first. */
export function rewritten<Value>(value: Value, change: (part: Json) => Json): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((part) => rewritten(part, change)) as Value
  const inner = Object.entries(value).map(([name, part]) => [
    name,
    isData(name, part) ? part : rewritten(part, change),
  ])
  return change(Object.fromEntries(inner)) as Value
}

/** A property that is called `example` is a schema, though. */
const isData = (name: string, part: unknown): boolean =>
  DATA.has(name) && !(typeof part === 'object' && part !== null && ('type' in part || '$ref' in part))

/** The names of the schemas that a part refers to, by references and by the mapping of a discriminator. */
export function namesIn(part: unknown): Set<string> {
  const names = new Set<string>()
  rewritten(part, (one) => {
    for (const value of Object.values(one))
      if (typeof value === 'string' && value.startsWith(SCHEMAS)) names.add(value.slice(SCHEMAS.length))
    return one
  })
  return names
}

/** The part with its references led to other names. */
export const renamed = <Value>(part: Value, newName: (name: string) => string): Value =>
  rewritten(part, (one) =>
    Object.fromEntries(
      Object.entries(one).map(([key, value]) => [
        key,
        typeof value === 'string' && value.startsWith(SCHEMAS)
          ? refTo(newName(value.slice(SCHEMAS.length)))
          : value,
      ]),
    ),
  )
