// What every accepted event stands as by now: as it was sent, and what the corrections that took it and were not taken back have made
// of it. From what was answered alone; nothing of the product is used to compute it.

import { type Actor, BASE_TYPES } from './actor.ts'

type Properties = Record<string, unknown>

/** `time`: between which instants it lies, in ms, both included; they differ where the server said when it happened. */
export type State = {
  customer: string
  type: string
  /** times 10^12 */
  quantity: bigint
  time: { fromMs: number; toMs: number }
  properties: Properties
}

/** null: it is taken back. */
export type Change = Partial<State> | null

export type KnownEvent = {
  id: string
  sent: State
  history: boolean
  erased: boolean
  /** All that is settled by now is in the log for certain. */
  settled: boolean
  acts: { correction: string; change: Change }[]
}

export type EventFilter = {
  customer: string | null
  type: string | null
  fromMs: number
  toMs: number
  properties: Properties
  /** It asks for more than is said here. */
  vague: boolean
}

const CHECKED_SUM = 'call'
const FRACTION_DIGITS = 12
export const SCALE = 10n ** BigInt(FRACTION_DIGITS)

/** By customer and meter, times 10^12. */
export type Totals = Map<string, bigint>
export const totalName = (customer: string, meter: string): string => JSON.stringify([customer, meter])

export class Standing {
  readonly #actor: Actor
  readonly events = new Map<string, KnownEvent>()
  /** By meter: properties that it was revised to be counted by. */
  readonly #groupsOf = new Map<string, Set<string>>()

  constructor(actor: Actor) {
    this.#actor = actor
  }

  accept(id: string, sent: State, history = false): void {
    this.events.set(id, { id, sent, history, erased: false, settled: false, acts: [] })
  }

  /** Those that a filter takes for certain, and those that it may take. `among`: other events are out of its reach. */
  matching(
    filter: EventFilter,
    among?: ReadonlySet<KnownEvent>,
  ): { surely: KnownEvent[]; perhaps: KnownEvent[] } {
    const perhaps = [...(among ?? this.events.values())].filter(
      (event) => !event.erased && fits(filter, stateOf(event)) !== 'no',
    )
    const surely = perhaps.filter((event) => event.settled && fits(filter, stateOf(event)) === 'yes')
    return { surely, perhaps }
  }

  apply(correction: string, change: Change, events: Iterable<KnownEvent>): void {
    for (const event of events) event.acts.push({ correction, change })
  }

  takenBy(correction: string): KnownEvent[] {
    return [...this.events.values()].filter(({ acts }) => acts.some((act) => act.correction === correction))
  }

  revert(correction: string): void {
    for (const event of this.takenBy(correction))
      event.acts = event.acts.filter((act) => act.correction !== correction)
  }

  /** Whose it was when it was sent decides. What it counted for stays. */
  erase(customer: string): KnownEvent[] {
    const erased = [...this.events.values()].filter(({ sent }) => sent.customer === customer)
    for (const event of erased) event.erased = true
    return erased
  }

  /** From now on the meter may be counted by these groups. */
  revise(meter: string, groupBy: string[]): void {
    this.#groupsOf.set(meter, new Set([...(this.#groupsOf.get(meter) ?? []), ...groupBy]))
  }

  /** A revision leaves out what can't be in its groups, when it is filled: of whom its totals may lack some for that reason. */
  mayLack(customer: string, meter: string): boolean {
    const groups = [...(this.#groupsOf.get(meter) ?? [])]
    return [...this.events.values()].some(
      ({ sent, acts }) =>
        (sent.customer === customer || acts.some(({ change }) => change?.customer === customer)) &&
        [sent, ...acts.map(({ change }) => change ?? {})].some(({ properties = {} }) =>
          groups.some((path) => !isGroupValue(valueAt(properties, path))),
        ),
    )
  }

  settle(): void {
    for (const event of this.events.values()) event.settled = true
  }

  get isSettled(): boolean {
    return [...this.events.values()].every(({ settled }) => settled)
  }

  /** What the checked meters have of these customers; without: of all. */
  totals(period: { fromMs: number; toMs: number }, customers?: ReadonlySet<string>): Totals {
    const totals: Totals = new Map()
    for (const event of this.events.values()) {
      const state = stateOf(event)
      if (state === null || (customers && !customers.has(state.customer))) continue
      if (state.time.toMs < period.fromMs || state.time.fromMs >= period.toMs) continue
      for (const [meter, value] of this.counts(state)) {
        const name = totalName(state.customer, meter)
        totals.set(name, (totals.get(name) ?? 0n) + value)
      }
    }
    return totals
  }

  /** By meter, what an event adds. */
  counts({ type, quantity, properties }: State): [string, bigint][] {
    const { open, countMeters, sumMeter } = this.#actor
    const counting = Object.hasOwn(countMeters, type) ? countMeters[type] : undefined
    if (counting === undefined) return []
    if (type !== `${open}${CHECKED_SUM}`) return [[counting, SCALE]]
    const tokens: [string, bigint][] = hasTokens(properties) ? [[`${open}tokens`, SCALE]] : []
    return [[counting, SCALE], [sumMeter, quantity], ...tokens]
  }

  /** The meters whose totals follow from the events. */
  get meters(): string[] {
    return checkedMeters(this.#actor)
  }
}

export const checkedMeters = ({ open, sumMeter, countMeters }: Actor): string[] => [
  ...BASE_TYPES.map((type) => countMeters[`${open}${type}`]!),
  sumMeter,
  `${open}tokens`,
]

/** null: it is taken back. */
export function stateOf({ sent, acts }: KnownEvent): State | null {
  let state = sent
  for (const { change } of acts) {
    if (change === null) return null
    state = { ...state, ...change, properties: merged(state.properties, change.properties ?? {}) }
  }
  return state
}

/** As it is shown: one that is taken back as it was before. */
export const shownState = (event: KnownEvent): State =>
  stateOf({ ...event, acts: event.acts.filter(({ change }) => change !== null) })!

function merged(properties: Properties, change: Properties): Properties {
  const all = { ...properties, ...change }
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => value !== null || !Object.hasOwn(change, name)),
  )
}

function fits(filter: EventFilter, state: State | null): 'yes' | 'no' | 'perhaps' {
  if (state === null) return 'no'
  const { customer, type, fromMs, toMs, properties, vague } = filter
  if ((customer !== null && customer !== state.customer) || (type !== null && type !== state.type))
    return 'no'
  for (const [name, wanted] of Object.entries(properties)) {
    const value = (Object.hasOwn(state.properties, name) ? state.properties[name] : null) ?? null
    if (value === null || textOf(value) !== textOf(wanted)) return 'no'
  }
  const { time } = state
  if (vague) return 'perhaps'
  if (time.fromMs >= fromMs && time.toMs < toMs) return 'yes'
  return time.toMs < fromMs || time.fromMs >= toMs ? 'no' : 'perhaps'
}

/** What is long, or has more digits than JSON keeps, may be refused for a group. */
const isGroupValue = (value: unknown): boolean =>
  typeof value === 'number'
    ? !Number.isInteger(value) || Number.isSafeInteger(value)
    : value === null || typeof value === 'boolean' || (typeof value === 'string' && value.length < 100)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const hasTokens = (properties: Properties): boolean => valueAt(properties, '$.usage.tokens') !== null

/** A name that is the whole path goes before a way into objects. null: there is none. */
function valueAt(properties: Properties, path: string): unknown {
  const named = own(properties, path)
  return (
    named ??
    path
      .replace('$.', '')
      .split('.')
      .reduce(own, properties as unknown) ??
    null
  )
}

const own = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Properties)[name]
    : undefined

/** A decimal, as a string or a number with an exponent, times 10^12: with whole numbers only. */
export function scaled(value: unknown): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(String(value))
  if (!match) throw new Error(`${String(value)} is no decimal`)
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = BigInt(whole + fraction)
  const shift = FRACTION_DIGITS - fraction.length + Number(exponent)
  const magnitude = shift >= 0 ? digits * 10n ** BigInt(shift) : digits / 10n ** BigInt(-shift)
  return sign ? -magnitude : magnitude
}

/** An RFC 3339 time, in either case, a leap second as the second after it; a date is none here. NaN for anything else. */
export function timeMs(sent: unknown): number {
  const match = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d)(?::(\d\d)(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/.exec(
    String(sent),
  )
  if (!match) return Number.NaN
  const [, date, minute, second = '00', fraction = '.0', zone] = match
  const ms = Number(fraction.slice(1, 4).padEnd(3, '0'))
  return Date.parse(`${date}T${minute}:00${zone!.toUpperCase()}`) + Number(second) * 1_000 + ms
}
