// Parts that generated clients should have one name for: an enum is the component that its `x-name` says, and what may be null refers
// to the component that it is otherwise.

import { sameJson } from '../../kernel/same-json.ts'
import { type Json, refTo, rewritten } from './rewrite.ts'

type Schemas = Record<string, Json>
type Enum = { values: unknown[]; type: 'string' }

/** The document with each enum that has an `x-name` as the component of that name. Throws where two with one name differ. */
export function withNamedEnums<Document extends object>(document: Document, schemas: Schemas): Document {
  const changed = rewritten(document, (part) => {
    if (!Array.isArray(part.enum)) return part
    const { 'x-name': name, enum: all, type: _, ...rest } = part as Json & { enum: unknown[] }
    const values = all.filter((value) => value !== null)
    if (values.length === 1 && all.length === 1) return { ...rest, type: 'string', const: values[0] }
    if (typeof name !== 'string') return part
    add(schemas, name, { type: 'string', values })
    const reference = { $ref: refTo(name) }
    return all.includes(null) ? { ...rest, oneOf: [reference, { type: 'null' }] } : { ...rest, ...reference }
  })
  return changed
}

function add(schemas: Schemas, name: string, { type, values }: Enum): void {
  const schema = { type, enum: values }
  if (schemas[name] !== undefined && !sameJson(schemas[name], schema))
    throw new Error(`There are two schemas ${name}`)
  schemas[name] = schema
}

/** The document in which a union that is a component, but for null, is that component or null. */
export function withNullableUnions<Document extends object>(document: Document, schemas: Schemas): Document {
  const unions = Object.entries(schemas).flatMap(([name, { oneOf }]) =>
    Array.isArray(oneOf) ? [{ name, forms: oneOf }] : [],
  )
  return rewritten(document, (part) => {
    const { oneOf } = part
    if (!Array.isArray(oneOf) || !sameJson(oneOf.at(-1), { type: 'null' })) return part
    const union = unions.find(({ forms }) => sameJson(forms, oneOf.slice(0, -1)))
    return union ? { ...part, oneOf: [{ $ref: refTo(union.name) }, { type: 'null' }] } : part
  })
}
