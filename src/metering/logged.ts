// What recording puts into the log: each accepted event as one line, and with them, once a call, the lists: which meters events
// of each type were counted for. The line is JSON and has no line break in it, so that lines are all that holds events apart.

import { type Counter, counterField, LOG_METER, TALLY_CUSTOMER } from './counter.ts'
import type { Event } from './event.ts'
import type { Meter } from './meter.ts'

/**
 * By resource type, the ids of the meters that its events were counted for when they were recorded, perhaps none; and HISTORY, if
 * they were counted as that.
 */
export type Lists = Record<string, string[]>

/** Without a prototype: a type may have any name, `__proto__` too. */
export const noLists = (): Lists => Object.create(null) as Lists

/** What one call logged, as the counter store keeps it. */
export type LoggedCall = {
  /** its name in the segment */
  field: string
  tenantId: string
  /** by the counter store's clock: µs since 1970 */
  receivedMicros: number
  /** the lists as JSON, and then a line an event */
  text: string
}

/** `[id, customer, resource type, quantity, timestamp in ms, properties]` */
export type LoggedEvent = [string, string, string, string, number, Record<string, unknown>]

export function lineOf(event: Event): string {
  const { id, customerId, resourceType, quantity, timestampMs, propertiesText } = event
  const fields = JSON.stringify([id, customerId, resourceType, quantity, timestampMs])
  return `${fields.slice(0, -1)},${propertiesText}]`
}

const HEAD = /^\["([^"\\]*)","([^"\\]*)","([^"\\]*)","[^"]*",(-?\d+),/

/** What an index has to know of an event. Texts without an escape are read off the line, in a fifth of the time. */
export function headOfLine(line: string): {
  id: string
  customerId: string
  resourceType: string
  timestampMs: number
} {
  const read = HEAD.exec(line)
  if (read !== null)
    return { id: read[1]!, customerId: read[2]!, resourceType: read[3]!, timestampMs: Number(read[4]) }
  const [id, customerId, resourceType, , timestampMs] = eventOfLine(line)
  return { id, customerId, resourceType, timestampMs }
}

export const eventOfLine = (line: string): LoggedEvent => JSON.parse(line) as LoggedEvent

/** Names compare as bytes do, and the list of a type is the same whatever the order of its meters. */
export const listOf = (meters: Meter[]): string[] => meters.map((meter) => meter.id).sort()

/**
 * A list is a counter, too: of no customer, once. So every segment that holds events has a counter and is settled; the log has
 * a tally and an account as meters have; and who reads the live counters sees the lists.
 */
export const listField = (tenantId: string, resourceType: string, list: string[]): string =>
  counterField({
    tenantId,
    customerId: TALLY_CUSTOMER,
    meter: LOG_METER,
    bucketMs: 0,
    merge: 'once',
    groups: JSON.stringify([resourceType, ...list]),
    distinctValue: '',
  })

/** What a counter of the log lists; null for one that is a tally. */
export function listedIn({ merge, groups }: Pick<Counter, 'merge' | 'groups'>): {
  resourceType: string
  meters: string[]
} | null {
  if (merge !== 'once') return null
  const [resourceType = '', ...meters] = JSON.parse(groups) as string[]
  return { resourceType, meters }
}
