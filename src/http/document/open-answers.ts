// What we take is closed: a field that we don't know is a mistake. What we answer is open: it may get new fields, and a client
// that checks it must go on. A schema that stands in both is two components: `Price` is answered, `PriceInput` is taken.

import { type Json, namesIn, renamed, rewritten } from './rewrite.ts'

type Schemas = Record<string, Json>
type Operation = { requestBody?: unknown; parameters?: unknown; responses?: unknown }
export type Paths = Record<string, Record<string, Operation>>

/** `shared`: what responses refer to besides schemas. */
export function withOpenAnswers(
  paths: Paths,
  schemas: Schemas,
  shared: { responses?: unknown },
): { paths: Paths; schemas: Schemas } {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  const answered = reached(schemas, [operations.map(({ responses }) => responses), shared.responses])
  const taken = reached(
    schemas,
    operations.map(({ requestBody, parameters }) => [requestBody, parameters]),
  )
  const closed = Object.keys(schemas).filter((name) =>
    [...reached(schemas, [schemas[name]]), name].some((one) => isClosed(schemas[one]!)),
  )
  const both = new Set(closed.filter((name) => answered.has(name) && taken.has(name)))
  const inputName = (name: string): string => (both.has(name) ? `${name}Input` : name)
  const taking = <Part>(part: Part): Part => renamed(part, inputName)

  const all = Object.entries(schemas).flatMap(([name, schema]): [string, Json][] => {
    if (!both.has(name)) return [[name, answered.has(name) ? opened(schema) : taking(schema)]]
    if (schemas[inputName(name)] !== undefined) throw new Error(`There are two schemas ${inputName(name)}`)
    return [
      [name, opened(schema)],
      [inputName(name), taking(schema)],
    ]
  })
  const withInputs = (operation: Operation): Operation => ({
    ...operation,
    ...(operation.requestBody !== undefined && { requestBody: taking(operation.requestBody) }),
  })
  return {
    schemas: Object.fromEntries(all),
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, methods]) => [
        path,
        Object.fromEntries(Object.entries(methods).map(([method, one]) => [method, withInputs(one)])),
      ]),
    ),
  }
}

/** The names of all schemas that the parts lead to. */
function reached(schemas: Schemas, parts: unknown): Set<string> {
  const names = new Set<string>()
  const waiting = [...namesIn(parts)]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (names.has(name)) continue
    names.add(name)
    waiting.push(...namesIn(schemas[name]))
  }
  return names
}

function isClosed(schema: Json): boolean {
  let closed = false
  rewritten(schema, (part) => {
    closed ||= part.additionalProperties === false
    return part
  })
  return closed
}

const opened = (schema: Json): Json =>
  rewritten(schema, (part) => {
    if (part.additionalProperties !== false) return part
    const { additionalProperties: _, ...open } = part
    return open
  })
