// Which events are asked for: what the index can't tell is looked at event by event.

import { property } from '../metering/property.ts'
import type { LogEntry } from './entry.ts'
import type { EventFilter } from './ports.ts'

export const ALL_EVENTS: EventFilter = {
  customerId: null,
  resourceType: null,
  fromMs: null,
  toMs: null,
  properties: [],
  text: null,
}

export function matches(filter: EventFilter): (entry: LogEntry) => boolean {
  const { customerId, resourceType, fromMs, toMs, properties } = filter
  const text = filter.text?.toLowerCase() ?? null
  return (entry) =>
    (customerId === null || entry.customerId === customerId) &&
    (resourceType === null || entry.resourceType === resourceType) &&
    (fromMs === null || entry.timestampMs >= fromMs) &&
    (toMs === null || entry.timestampMs < toMs) &&
    properties.every(([path, value]) => textOf(property(entry.properties, path)) === value) &&
    (text === null || searched(entry).includes(text))
}

/** As it would be typed: a string as it is, anything else as JSON. Absent and null are nothing that could be asked for. */
const textOf = (value: unknown): string | null => {
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const searched = ({ id, customerId, resourceType, properties }: LogEntry): string =>
  [id, customerId, resourceType, ...textsIn(properties)].join('\n').toLowerCase()

/** Names and values, wherever they stand. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) yield String(value)
  else if (Array.isArray(value)) for (const one of value) yield* textsIn(one)
  else
    for (const [name, one] of Object.entries(value)) {
      yield name
      yield* textsIn(one)
    }
}
