// What was exported is imported as the same events.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formats } from '../../src/log/export/formats.ts'
import { micros, type Row, type Table } from '../../src/log/export/table.ts'
import { tables } from '../../src/log/export/tables.ts'
import type { SentLine } from '../../src/log/import/line.ts'
import { readCsv } from '../../src/log/import/read-csv.ts'
import { readNdjson } from '../../src/log/import/read-ndjson.ts'
import { type Event, parseEvent } from '../../src/metering/event.ts'
import { all } from './chunks.ts'
import { pagesOf } from './rows.ts'

const NOW_MS = Date.UTC(2026, 10, 22)
const name = fc.string({ unit: fc.constantFrom('a', 'Z', '7', '_', ' ', ',', '"', 'ä', '😀'), minLength: 1 })
/** Without what CSV would write with an apostrophe before it. */
const sent = fc.record(
  {
    id: name,
    customer_id: name,
    resource_type: name,
    quantity: fc.constantFrom('0', '1', '-2.5', '100000000000000.000000000001'),
    timestamp: fc.integer({ min: 0, max: NOW_MS }).map((ms) => new Date(ms).toISOString()),
    properties: fc.dictionary(name, fc.oneof(name, fc.integer({ min: 0 }), fc.boolean(), fc.constant(null)), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  { noNullPrototype: true },
)

const eventOf = (one: unknown): Event => {
  const event = parseEvent(one, '#', NOW_MS, () => 'made here')
  if (Array.isArray(event)) throw new Error(JSON.stringify(event))
  return event
}

const rowOf = (event: Event): Row => ({
  id: event.id,
  customer_id: event.customerId,
  resource_type: event.resourceType,
  quantity: event.quantity,
  timestamp: micros(event.timestampMs),
  properties: event.properties,
  received_at: micros(NOW_MS) + 123n,
  meters: ['a', 'b'],
  history: false,
})

describe('events that were exported', () => {
  const same = (
    format: 'ndjson' | 'csv',
    read: (stream: ReadableStream<Uint8Array>) => Promise<SentLine[]>,
  ) =>
    fc.assert(
      fc.asyncProperty(fc.array(sent, { maxLength: 5 }), async (each) => {
        const events = each.map(eventOf)
        const stream = formats[format].write(tables.events as Table, pagesOf([events.map(rowOf)]))
        const lines = await read(stream)
        expect(lines.map((one) => ('sent' in one ? eventOf(one.sent) : one.wrong))).toEqual(events)
      }),
      { numRuns: 300 },
    )

  it('as NDJSON are the same when they are imported', () =>
    same('ndjson', (stream) => all(readNdjson(stream))))

  it('as CSV are the same when they are imported', () =>
    same('csv', async (stream) => {
      const { lines, ignored } = await readCsv(stream, {
        rest: 'ignore',
        separator: 'comma',
        times: 'rfc3339',
      })
      expect(ignored).toEqual(['received_at', 'meters', 'history'])
      return all(lines)
    }))
})
