// What calls log, drawn: events of any text, the lists of their types, several tenants.

import fc from 'fast-check'
import { type Event, parseEvent } from '../../src/metering/event.ts'
import { type Lists, type LoggedCall, lineOf, noLists } from '../../src/metering/logged.ts'

export const NOW_MICROS = Date.UTC(2026, 10, 22) * 1_000

// What JSON escapes, what ends a line elsewhere, what separates fields here, and names that objects have already.
const unit = fc.constantFrom('a', 'Z', '7', ' ', '"', '\\', '[', ']', '{', ',', 'ä', '\u2028', '\u0085', '😀')
const name = fc.oneof(
  fc.string({ unit, minLength: 1, maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', '","', '\\"', '0', 'null'),
)
/** Of a property or a type. V8 13.6 reads a key that is written with an escape as another one, where an object with that one came before: one with a backslash. */
const key = name.filter((one) => !one.includes('\\'))
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }).filter((one) => one.isWellFormed() && !one.includes('\0')),
  fc.constantFrom('\n', '\r\n', '\u2029', '1 0 ["a"]'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => JSON.parse(JSON.stringify(one)) as number),
  fc.boolean(),
  fc.constant(null),
)

export const sent = fc.record(
  {
    id: name,
    customer_id: name,
    resource_type: key,
    quantity: fc.constantFrom('0', '1', '-2.5', '100000000000000.000000000001'),
    timestamp: fc.integer({ min: -1, max: NOW_MICROS / 1_000 }).map((ms) => new Date(ms).toISOString()),
    properties: fc.dictionary(key, fc.oneof(value, fc.array(value, { maxLength: 3 })), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  { noNullPrototype: true },
)

export const eventOf = (one: unknown): Event => {
  const event = parseEvent(one, '#', NOW_MICROS / 1_000, () => 'made here')
  if (Array.isArray(event)) throw new Error(JSON.stringify(event))
  return event
}

/** A call's events, when they arrived, of which tenant, and how many meters each of their types has. */
export const anyCall = fc.record({
  tenantId: fc.constantFrom('t1', 't2'),
  afterMicros: fc.nat(200_000_000),
  meters: fc.nat(3),
  sent: fc.array(sent, { minLength: 1, maxLength: 6 }),
})
export type AnyCall = { tenantId: string; afterMicros: number; meters: number; sent: unknown[] }

export const listOf = (length: number): string[] => Array.from({ length }, (_, i) => `meter${i}`)

export function callOf(
  events: Event[],
  more: Pick<LoggedCall, 'tenantId' | 'receivedMicros'>,
  list: string[],
) {
  const lists: Lists = noLists()
  for (const { resourceType } of events) lists[resourceType] = list
  const text = [JSON.stringify(lists), ...events.map(lineOf)].join('\n')
  return { ...more, field: `~${more.tenantId}\x1f${more.receivedMicros}-n`, text }
}

/** As a sealed segment gives them: one tenant's after another's, each in the order of arrival. */
export function loggedCalls(calls: AnyCall[]): LoggedCall[] {
  let receivedMicros = NOW_MICROS
  return calls
    .map(({ tenantId, afterMicros, meters, sent }) => {
      receivedMicros += afterMicros
      return callOf(sent.map(eventOf), { tenantId, receivedMicros }, listOf(meters))
    })
    .sort((a, b) => (a.field < b.field ? -1 : 1))
}

/** What the log must hold of a call's events. */
export const entriesOf = (events: Event[], receivedMicros: number, meters: string[]) =>
  events.map(({ id, customerId, resourceType, quantity, timestampMs, properties }) => ({
    id,
    customerId,
    resourceType,
    quantity,
    timestampMs,
    properties,
    receivedMicros,
    meters,
  }))
