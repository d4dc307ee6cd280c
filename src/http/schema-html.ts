// A JSON schema as nested lists: each field with its type, what it is for, and an example.

import { escapeHtml, inline } from './html.ts'

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  description?: string
  example?: unknown
  examples?: unknown[]
  default?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: boolean | Schema
  oneOf?: Schema[]
  anyOf?: Schema[]
  allOf?: Schema[]
}

const DEPTH_MAX = 6

type Around = { schemas: Record<string, Schema> /** it matters which fields are required */; input: boolean }

export function schemaHtml(schema: Schema, around: Around, depth = 0): string {
  const resolved = resolve(schema, around)
  if (depth > DEPTH_MAX) return ''
  const fields = Object.entries(resolved.properties ?? {}).map(([name, field]) =>
    fieldHtml(name, field, resolved.required?.includes(name) ?? false, around, depth),
  )
  const forms = (resolved.oneOf ?? resolved.anyOf ?? []).filter((form) => hasFields(form, around))
  const inner = [...(resolved.items ? [resolved.items] : []), ...(resolved.allOf ?? [])]
  return [
    fields.length > 0 ? `<ul>${fields.join('')}</ul>` : '',
    ...inner.map((part) => schemaHtml(part, around, depth)),
    typeof resolved.additionalProperties === 'object'
      ? schemaHtml(resolved.additionalProperties, around, depth + 1)
      : '',
    ...forms.map(
      (form) => (forms.length > 1 ? '<div class="t">one form:</div>' : '') + schemaHtml(form, around, depth),
    ),
  ].join('')
}

function fieldHtml(name: string, field: Schema, required: boolean, around: Around, depth: number): string {
  const schema = resolve(field, around)
  const example = field.example ?? schema.example ?? schema.examples?.[0]
  const notes = [
    required && around.input ? ', required' : '',
    schema.default === undefined
      ? ''
      : `, default <code>${escapeHtml(JSON.stringify(schema.default))}</code>`,
    example === undefined ? '' : `, such as <code>${escapeHtml(JSON.stringify(example))}</code>`,
  ].join('')
  const description = field.description ?? schema.description
  const about = description ? `<br>${inline(description)}` : ''
  return `<li><code>${escapeHtml(name)}</code> <span class="t">${escapeHtml(typeOf(schema, around))}</span>${notes}${about}${schemaHtml(schema, around, depth + 1)}</li>`
}

function resolve(schema: Schema, { schemas }: Around): Schema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : (schemas[name] ?? {})
}

function hasFields(schema: Schema, around: Around): boolean {
  const { properties, oneOf = [], anyOf = [], items } = resolve(schema, around)
  return (
    properties !== undefined ||
    [...oneOf, ...anyOf, ...(items ? [items] : [])].some((part) => hasFields(part, around))
  )
}

function typeOf(schema: Schema, around: Around): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const forms = schema.oneOf ?? schema.anyOf
  if (forms) return [...new Set(forms.map((form) => typeOf(resolve(form, around), around)))].join(' | ')
  if (schema.items) return `list of ${typeOf(resolve(schema.items, around), around)}`
  return [schema.type ?? 'any'].flat().join(' | ')
}
