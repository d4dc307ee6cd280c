// What the OpenAPI document says there is: the list of operations to send requests to, and to judge answers by.

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  example?: unknown
  examples?: unknown[]
  default?: unknown
  format?: string
  pattern?: string
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  items?: Schema
  minItems?: number
  maxItems?: number
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}

export type Parameter = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Schema }

export type Operation = {
  id: string
  method: string
  path: string
  pattern: RegExp
  access: 'tenant' | 'admin' | 'public'
  parameters: Parameter[]
  /** by media type; empty: takes no body */
  bodies: Record<string, Schema>
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>
}

/** One way of sending an operation: fuzzing covers each. */
export type Target = { operation: Operation; mediaType: string | null }

type Written = {
  operationId: string
  security?: Record<string, unknown>[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Operation['responses']
}

export type ApiDocument = {
  paths: Record<string, Record<string, Written>>
  components: { schemas: Record<string, Schema> }
}

export function operationsOf(document: ApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, written]) => ({
      id: written.operationId,
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      access: accessOf(written),
      parameters: written.parameters ?? [],
      bodies: Object.fromEntries(
        Object.entries(written.requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema]),
      ),
      responses: written.responses,
    })),
  )
}

function accessOf({ operationId, security = [] }: Written): Operation['access'] {
  const schemes = security.flatMap((one) => Object.keys(one))
  if (schemes.length === 0) return 'public'
  if (schemes.includes('apiKey')) return 'tenant'
  if (schemes.includes('adminToken')) return 'admin'
  throw new Error(`${operationId}: how does one identify oneself with ${schemes.join()}? Teach test/fuzz.`)
}

/** There is no bucket here that an export could be read in. */
const NOT_SENT = new Set(['getExport'])

export const targetsOf = (operations: Operation[]): Target[] =>
  operations
    .filter(({ id }) => !NOT_SENT.has(id))
    .flatMap((operation): Target[] => {
      const types = Object.keys(operation.bodies)
      return (types.length === 0 ? [null] : types).map((mediaType) => ({ operation, mediaType }))
    })

export const nameOf = ({ operation, mediaType }: Target): string =>
  mediaType === null ? operation.id : `${operation.id} (${mediaType})`

export function resolved(document: ApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema
  const found = document.components.schemas[schema.$ref.split('/').at(-1)!]
  if (!found) throw new Error(`The document has no ${schema.$ref}`)
  return resolved(document, found)
}

/** Every name of a field anywhere in a schema. */
export function fieldNames(document: ApiDocument, schema: Schema, seen = new Set<Schema>()): Set<string> {
  const names = new Set<string>()
  const visit = (part: Schema): void => {
    const one = resolved(document, part)
    if (seen.has(one)) return
    seen.add(one)
    for (const [name, inner] of Object.entries(one.properties ?? {})) {
      names.add(name)
      visit(inner)
    }
    for (const inner of [...(one.anyOf ?? []), ...(one.oneOf ?? []), ...(one.allOf ?? [])]) visit(inner)
    if (one.items) visit(one.items)
    if (typeof one.additionalProperties === 'object') visit(one.additionalProperties)
  }
  visit(schema)
  return names
}
