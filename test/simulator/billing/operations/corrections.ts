// Actors: usage of any age is corrected, also of periods that were invoiced long ago.

import fc from 'fast-check'
import { type Drawn, type Operation, pace, some } from '../../operations/operation.ts'
import { readBooks } from '../books.ts'
import type { Batch, Year } from '../year.ts'
import { content, newEvent, sendBatch } from './usage.ts'

const HOUR_MS = 3_600_000

const arbitrary = fc.record({
  isolate: some,
  subscription: some,
  events: fc.array(fc.record({ content, period: some, at: fc.constantFrom(0, 1, 0.3, 0.99) }), {
    minLength: 1,
    maxLength: 3,
    size: 'max',
  }),
  asCreditNote: fc.boolean(),
  pace,
})

/** In the first or the last hour of a period that was invoiced, or within it. */
export const correct: Operation<Drawn<typeof arbitrary>, Year> = {
  name: 'correct',
  weight: 8,
  arbitrary,
  async run(year, { isolate, subscription, events, asCreditNote, pace }) {
    const known = year.subscription(subscription)
    if (known === null) return
    const { tenant, customer } = known
    const { invoices } = await readBooks(year.postgres, year.tenants[tenant]!.id)
    const periods = invoices.filter(
      ({ customerId, kind, startMs, endMs }) =>
        customerId === customer && kind === 'period' && startMs < endMs && endMs <= year.time.nowMs,
    )
    if (periods.length === 0) return
    const made = events.map(({ content, period, at }) => {
      const { startMs, endMs } = periods[period % periods.length]!
      const hours = (endMs - startMs) / HOUR_MS
      return newEvent(year, customer, content, startMs + Math.floor(at * (hours - 1)) * HOUR_MS)
    })
    const id = `00000000-0000-4000-b000-${String(year.events).padStart(12, '0')}`
    const correction = { id, asCreditNote }
    const batch: Batch = {
      ...{ tenant, customer, events: made, correction, answered: false },
      firstSentMs: year.time.nowMs,
    }
    year.batches.push(batch)
    await sendBatch(year, isolate, batch, pace)
  },
}
