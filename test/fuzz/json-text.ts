// JSON as a tree that can hold what no JavaScript value can: tokens as they stand (1e400, 01, NaN), and an object that
// names a field twice.

/** A token that is written as it stands. */
export class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An object's fields in their order, the same name twice perhaps. */
export class Fields {
  readonly entries: [string, Json][]
  constructor(entries: [string, Json][]) {
    this.entries = entries
  }
}

export type Json = null | boolean | number | string | Raw | Fields | Json[]

/** Any plain value as such a tree. */
export function tree(value: unknown): Json {
  if (Array.isArray(value)) return value.map(tree)
  if (typeof value === 'object' && value !== null)
    return new Fields(Object.entries(value).map(([name, inner]) => [name, tree(inner)]))
  return value as Json
}

export function jsonText(value: Json): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (value instanceof Fields)
    return `{${value.entries.map(([name, inner]) => `${JSON.stringify(name)}:${jsonText(inner)}`).join(',')}}`
  return JSON.stringify(value)
}

export function copyOf(value: Json): Json {
  if (Array.isArray(value)) return value.map(copyOf)
  if (value instanceof Fields) return new Fields(value.entries.map(([name, inner]) => [name, copyOf(inner)]))
  return value
}

/** A place in a tree: how to read it, and how to put something else there (`undefined` takes it away). */
export type Place = { get: () => Json; set: (value: Json | undefined) => void; name: string | null }

/** Every place in the tree, the root first. `root` is changed in place. */
export function places(root: { value: Json }): Place[] {
  const found: Place[] = [{ get: () => root.value, set: (value) => (root.value = value ?? null), name: null }]
  const visit = (value: Json): void => {
    if (Array.isArray(value)) {
      for (const i of value.keys()) {
        const set = (next: Json | undefined) => void value.splice(i, 1, ...(next === undefined ? [] : [next]))
        found.push({ get: () => value[i]!, set, name: null })
      }
      for (const inner of value) visit(inner)
    } else if (value instanceof Fields) {
      for (const entry of value.entries) {
        const set = (next: Json | undefined) => {
          if (next === undefined) value.entries.splice(value.entries.indexOf(entry), 1)
          else entry[1] = next
        }
        found.push({ get: () => entry[1], set, name: entry[0] })
      }
      for (const [, inner] of value.entries) visit(inner)
    }
  }
  visit(root.value)
  return found
}
