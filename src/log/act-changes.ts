// What an act makes of counters, event by event: what adds gets the event after less the event before, and of the others is
// noted which are to be counted anew. Pure.

import { decimal, text } from '../kernel/decimal.ts'
import { TollgateError } from '../kernel/errors.ts'
import { type Delta, deltasOf, deltaTo } from '../metering/count-events.ts'
import { parseCounter } from '../metering/counter.ts'
import { type Merging, mergeInto } from '../metering/merge-counters.ts'
import { countingMeters, type Meter, type TenantConfig } from '../metering/meter.ts'
import type { Ground } from './act-ports.ts'
import type { CounterChange, CounterPlace } from './effect.ts'
import { asEvent, type LogEntry } from './entry.ts'
import { ACT_CHARS, ACT_COUNTERS, ACT_EVENTS } from './limits.ts'
import type { FoundBlock } from './ports.ts'

/** An event before an act and after it; null: it is voided. `block`: null for one that is not settled yet. */
export type Turn = {
  entry: LogEntry
  block: FoundBlock | null
  before: LogEntry | null
  after: LogEntry | null
}

/** What tells whether a meter has, or will have, counted an event that it did not count when that was recorded. */
export type Counting = Pick<Ground, 'config' | 'bornMicros' | 'replayed'>

/** Which meters have, or will have, counted an event as it stands: by its list, or from the log. */
export function countedBy({ config, bornMicros, replayed }: Counting) {
  const ofTypes = Map.groupBy(countingMeters(config), ({ resourceType }) => resourceType)
  const owes = ({ id, countsFromMs, archivedAt }: Meter, block: FoundBlock): boolean =>
    (countsFromMs !== null || block.receivedMicros[0] > (bornMicros.get(id) ?? Number.POSITIVE_INFINITY)) &&
    (archivedAt === null || replayed.has(`${id} ${block.name}`))
  return ({ resourceType, meters }: LogEntry, block: FoundBlock | null): Meter[] =>
    (ofTypes.get(resourceType) ?? []).filter(
      (meter) => meters.includes(meter.id) || (block !== null && owes(meter, block)),
    )
}

export class ActChanges {
  readonly #config: TenantConfig
  readonly #pointer: string
  readonly #metersOf: ReturnType<typeof countedBy>
  readonly #added: Merging = new Map()
  readonly #anew = new Set<string>()
  #chars = 0
  #events = 0

  /** `pointer`: where the request says what is changed. */
  constructor(counting: Counting, pointer: string) {
    this.#pointer = pointer
    this.#config = counting.config
    this.#metersOf = countedBy(counting)
  }

  get events(): number {
    return this.#events
  }

  /** Throws too_much_at_once beyond a bound, and validation_failed where a meter would not take the event as it would be. */
  take({ entry, block, before, after }: Turn): void {
    if (++this.#events > ACT_EVENTS) throw tooMuch(`more than ${ACT_EVENTS} events`)
    for (const meter of this.#metersOf(entry, block)) {
      const was = before && deltaTo(meter, asEvent(before), this.#config)
      const is = after && deltaTo(meter, asEvent(after), this.#config)
      if (was !== null && is === null && after !== null) this.#refuseUntaken(meter, after)
      if (was?.field === is?.field && was?.a === is?.a && was?.b === is?.b) continue
      if (was) this.#note(was, negated)
      if (is) this.#note(is, (delta) => delta)
    }
    if (this.#added.size + this.#anew.size > ACT_COUNTERS || this.#chars > ACT_CHARS)
      throw tooMuch(`more than ${ACT_COUNTERS} counters, or counters with long names`)
  }

  /** What adds, without what comes to nothing. */
  added(): CounterChange[] {
    return [...this.#added]
      .filter(([, { a, b }]) => !(isZero(a) && isZero(b)))
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([field, { a, b }]) => ({ ...placeOf(field), kind: 'added', added: { a, b } }))
  }

  /** The names of what is to be counted anew. */
  anew(): string[] {
    return [...this.#anew].sort()
  }

  #note(delta: Delta, as: (delta: Delta) => Delta): void {
    const known = this.#added.has(delta.field) || this.#anew.has(delta.field)
    if (!known) this.#chars += delta.field.length
    if (delta.merge === 'add') mergeInto(this.#added, delta.field, as(delta))
    else this.#anew.add(delta.field)
  }

  /** A filter of the meter, or the hour that it counts from, leaves an event out; anything else is a mistake. */
  #refuseUntaken(meter: Meter, after: LogEntry): void {
    const counted = deltasOf(asEvent(after), [meter], this.#config, this.#pointer)
    if (!Array.isArray(counted)) return
    const detail = `The event ${JSON.stringify(after.id)} would not be accepted as it would be then.`
    throw new TollgateError('validation_failed', detail, { issues: counted })
  }
}

export function placeOf(field: string): CounterPlace {
  const { customerId, meter, bucketMs, groups, distinctValue, merge } = parseCounter(field, '')
  return { customerId, meterId: meter, hourMs: bucketMs, groups, distinctValue, merge }
}

const negated = ({ a, b, ...delta }: Delta): Delta => ({ ...delta, a: minus(a), b: minus(b) })
const minus = (value: string): string => text(decimal('0').minus(value))
const isZero = (value: string): boolean => decimal(value).eq('0')

export const tooMuch = (what: string): TollgateError =>
  new TollgateError(
    'too_much_at_once',
    `The correction takes ${what}, which is too much at once: narrow its filter, and make several of it.`,
  )
