// What Redis has accepted, seen on the wire as it is applied; and, in the end, how much of it is lost. From that follows what
// reconciliation has to name, without a look at any account.

import { parseCounter } from '../../src/metering/counter.ts'
import { meterOf } from '../../src/metering/history.ts'
import type { RecordBatch } from '../../src/metering/ports.ts'
import { meterId } from '../support/metering.ts'
import { unitsOf } from './expected.ts'
import type { SimEvent } from './oracle.ts'
import { digitsMeter, type Kind, kinds } from './plan.ts'

/** `quantity` in units of 10^-12 */
export type Loss = { events: number; quantity: bigint }

/** `now`: the oracle's count of what happens; `nowMs`: the time */
type Applied = { isolate: number; database: number; now: number; nowMs: number }

export class Acceptances {
  /** null: one that no digit is of */
  readonly #sent = new Map<string, SimEvent | null>()
  /** how often each event was accepted, by the number of the isolate that sent it */
  readonly #taken = new Map<SimEvent, Map<number, number>>()
  /** when each was accepted last, by the database that did */
  readonly #places = new Map<SimEvent, Map<number, number>>()
  readonly #arrivals = new Map<SimEvent, number[]>()

  /** A batch goes out; the event's own digit in `eventsOf` tells which events it holds. */
  sending(batch: RecordBatch, eventsOf: (customer: string, kind: Kind) => SimEvent[]): void {
    for (const { idDigest, fingerprint, deltas } of batch.events) {
      let sent: SimEvent | null = null
      for (const { counter, a } of deltas) {
        const { field } = batch.counters[counter]!
        const { customerId, meter } = parseCounter(field, a)
        const kind = kinds.find((one) => meterId(digitsMeter[one]) === meterOf(meter))
        const event = kind && eventsOf(customerId, kind).find(({ quantity }) => quantity === unitsOf(a))
        if (event) sent = event
      }
      this.#sent.set(nameOf(batch.tenantId, idDigest, fingerprint), sent)
    }
  }

  /** The record script was run: a letter says of each event whether it is new. */
  applied({ isolate, database, now, nowMs }: Applied, args: string[], reply: unknown): void {
    const [kind, groups] = reply as [string, string]
    if (kind !== 'done') return
    // Of a group that was refused (x) nothing is counted.
    const letters = groups
      .split(',')
      .map((group) => (group[0] === 'x' ? group.slice(1).replaceAll('n', '-') : group.slice(1)))
      .join('')
    const events = args.flatMap((arg, i) => {
      const sent = this.#sent.get(nameOf(args[0]!, arg, args[i + 1] ?? ''))
      return sent === undefined ? [] : [sent]
    })
    if (events.length !== letters.length)
      throw new Error('An event is no more sent as its id and its fingerprint, side by side')
    for (const [i, event] of events.entries()) {
      if (letters[i] !== 'n' || event === null) continue
      const by = this.#taken.get(event) ?? new Map<number, number>()
      this.#taken.set(event, by.set(isolate, (by.get(isolate) ?? 0) + 1))
      const places = this.#places.get(event) ?? new Map<number, number>()
      this.#places.set(event, places.set(database, now))
      this.#arrivals.set(event, [...this.arrivalsOf(event), nowMs])
    }
  }

  /** Whether a database accepted any of these since then. */
  wasAccepted(events: SimEvent[], database: number, since: number): boolean {
    return events.some((event) => (this.#places.get(event)?.get(database) ?? -1) >= since)
  }

  /** When it was accepted, each time that it was. */
  arrivalsOf(event: SimEvent): number[] {
    return this.#arrivals.get(event) ?? []
  }

  /**
   * What was accepted and is in no total: all of it, and what of it isolates know that can be `relied` on. `countOf`: how
   * often an event is in the totals at the end.
   */
  lost(
    tenant: number,
    isOf: (event: SimEvent) => boolean,
    countOf: (event: SimEvent) => number,
    relied: (isolate: number) => boolean,
  ): { known: Loss; all: Loss } {
    const known: Loss = { events: 0, quantity: 0n }
    const all: Loss = { events: 0, quantity: 0n }
    const add = (loss: Loss, events: number, quantity: bigint) => {
      if (events <= 0) return
      loss.events += events
      loss.quantity += BigInt(events) * quantity
    }
    for (const [event, by] of this.#taken) {
      if (event.tenant !== tenant || !isOf(event)) continue
      const count = countOf(event)
      // What is voided for good is in no total, and not lost.
      const voided = event.id.corrected
      const sum = (isolates: [number, number][]) => isolates.reduce((total, [, times]) => total + times, 0)
      add(all, sum([...by]) - count, event.quantity)
      if (!voided) add(known, sum([...by].filter(([isolate]) => relied(isolate))) - count, event.quantity)
    }
    return { known, all }
  }
}

const nameOf = (tenantId: string, idDigest: string, fingerprint: string): string =>
  `${tenantId} ${idDigest} ${fingerprint}`
