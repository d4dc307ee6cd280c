// Finding a property in an event. Only what the sender put there is found: nothing that objects inherit.

import { escapePointer } from './event.ts'
import { type Names, parsePath } from './property-path.ts'

type Properties = Record<string, unknown>

/**
 * The value, null or undefined if the event has none. A property whose name is just what is written goes first, dots and
 * all: `gen_ai.usage` is that one where the event has it, and `usage` in `gen_ai` where not.
 */
export function property(properties: Properties, written: string): unknown {
  const plain = Object.hasOwn(properties, written) ? properties[written] : undefined
  if (plain !== undefined && plain !== null) return plain
  const names = namesOf(written)
  return names === null ? plain : at(properties, names)
}

/** Where it stands, or would stand, within the event's properties, as the end of a JSON pointer. */
export function propertyPointer(properties: Properties, written: string): string {
  const own = Object.hasOwn(properties, written) && properties[written] != null
  const names = own ? null : namesOf(written)
  return (names ?? [written]).map((name) => `/${escapePointer(name)}`).join('')
}

function at(properties: Properties, names: Names): unknown {
  let value: unknown = properties
  for (const name of names) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    if (name === 'length' && Array.isArray(value)) return undefined
    value = (value as Properties)[name]
  }
  return value
}

const PATHS_KEPT = 10_000
const paths = new Map<string, Names | null>()

/** Read once each, not for every event. null: there is no more to it than a plain name. */
function namesOf(written: string): Names | null {
  const known = paths.get(written)
  if (known !== undefined) return known
  const parsed = parsePath(written)
  // A meter from before there were paths may have any name.
  const names = 'wrong' in parsed || parsed.names[0] === written ? null : parsed.names
  if (paths.size >= PATHS_KEPT) paths.clear()
  paths.set(written, names)
  return names
}

/** A whole number so large that JSON has taken another for it: two of them might become one. */
export const lostDigits = (sent: unknown): boolean =>
  typeof sent === 'number' &&
  !(Number.isSafeInteger(sent) || (Number.isFinite(sent) && !Number.isInteger(sent)))
export const LOST_DIGITS = 'has more digits than a JSON number keeps: send a string'
