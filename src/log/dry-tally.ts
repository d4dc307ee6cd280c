// What a dry run has counted so far: by customer, in bounded memory. Of the customers that are not shown, their number is kept.

import { TollgateError } from '../kernel/errors.ts'
import { bucketStartMs, nextWindowStartMs } from '../kernel/time.ts'
import { deltaTo } from '../metering/count-events.ts'
import type { Counter } from '../metering/counter.ts'
import { countersOf, type Merging, mergeInto } from '../metering/merge-counters.ts'
import type { Meter, TenantConfig } from '../metering/meter.ts'
import { type Act, stateOf } from './act.ts'
import { asEvent, type LogEntry } from './entry.ts'
import { DRY_RUN_COUNTERS, DRY_RUN_COUNTERS_OF_ONE } from './limits.ts'

export type Counted = {
  /** blocks that were read, and events that the meter counts, those that are in no block yet too */
  blocks: number
  events: number
  /** of all who have events of its type in its hours, how many there are */
  customers: number
  /** of the first of them by name, in that order, what it counts: perhaps nothing */
  counters: Map<string, Counter[]>
  /** [fromMs, toMs): the hours that have such events; null: none has */
  hours: { fromMs: number; toMs: number } | null
}

type Into = { config: TenantConfig; meter: Meter; customers: number }

export class DryTally {
  readonly #into: Into
  readonly #names = new Set<string>()
  readonly #kept = new Map<string, Merging>()
  /** Customers from this one on are not kept. */
  #beyond: string | null = null
  #counters = 0
  #events = 0
  #read = 0
  #fromMs = Number.POSITIVE_INFINITY
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(into: Into) {
    this.#into = into
  }

  /** events that were looked at, of any type */
  get read(): number {
    return this.#read
  }

  /** `block`: null for what is in none; `acts`: those on it. */
  take(entries: LogEntry[], block: string | null, acts: Act[]): void {
    const { config, meter } = this.#into
    this.#read += entries.length
    for (const entry of entries) {
      if (entry.resourceType !== meter.resourceType) continue
      const state = block === null || acts.length === 0 ? entry : stateOf(entry, block, acts)
      // As it was sent, too: there what counts by now may have counted it.
      this.#noteUser(entry)
      if (state === null) continue
      if (state !== entry) this.#noteUser(state)
      const delta = deltaTo(meter, asEvent(state), config)
      if (delta === null) continue
      this.#events++
      const kept = this.#kept.get(state.customerId)
      if (kept === undefined) continue
      if (!kept.has(delta.field)) this.#noteCounter(state.customerId, kept)
      mergeInto(kept, delta.field, delta)
    }
  }

  counted(blocks: number): Counted {
    const { timezone } = this.#into.config
    const names = [...this.#kept.keys()].sort()
    return {
      blocks,
      events: this.#events,
      customers: this.#names.size,
      counters: new Map(names.map((name) => [name, countersOf(this.#kept.get(name)!)])),
      hours:
        this.#names.size === 0
          ? null
          : { fromMs: this.#fromMs, toMs: nextWindowStartMs(timezone, 'hour', this.#lastMs) },
    }
  }

  #noteUser({ customerId, timestampMs }: LogEntry): void {
    const { config, meter, customers } = this.#into
    if (timestampMs < (meter.countsFromMs ?? Number.NEGATIVE_INFINITY)) return
    const hourMs = bucketStartMs(config.timezone, timestampMs)
    this.#fromMs = Math.min(this.#fromMs, hourMs)
    this.#lastMs = Math.max(this.#lastMs, hourMs)
    this.#names.add(customerId)
    if (this.#kept.has(customerId) || (this.#beyond !== null && customerId >= this.#beyond)) return
    this.#kept.set(customerId, new Map())
    if (this.#kept.size <= customers) return
    const last = [...this.#kept.keys()].reduce((one, other) => (one > other ? one : other))
    this.#counters -= this.#kept.get(last)!.size
    this.#kept.delete(last)
    this.#beyond = last
  }

  #noteCounter(customerId: string, kept: Merging): void {
    if (kept.size >= DRY_RUN_COUNTERS_OF_ONE)
      throw tooMany(
        `the customer ${JSON.stringify(customerId)} alone has more than ${DRY_RUN_COUNTERS_OF_ONE}`,
      )
    if (++this.#counters > DRY_RUN_COUNTERS) throw tooMany(`there are more than ${DRY_RUN_COUNTERS}`)
  }
}

const tooMany = (what: string) =>
  new TollgateError(
    'too_much_at_once',
    `A dry run keeps a counter for each customer, hour, group and distinct value, and ${what}. Try a later hour, or fewer groups.`,
  )
