// What the clients know: which events were sent and which were acknowledged, and when. From that alone follows what every
// bill must show: all that was acknowledged before the read began, and nothing that was not sent before it ended.

import { amountOf, ONE, quotient, textOf } from './amount.ts'

/** A digit of its own for each event of a customer: a bill then shows which are missing, and which counted twice. */
export const DIGITS_PER_CUSTOMER = 27
export const LOWEST_DIGIT = -12

export type LedgerEvent = {
  customer: string
  /** its digit in the customer's units; null: the units are a plain sum */
  digit: number | null
  content: { id: string; [field: string]: unknown }
  units: bigint
  peak: bigint
  user: string
  change: bigint
  /** only where change isn't 0 */
  atMs: number
  /** moments of the ledger */
  sentAt: number | null
  ackedAt: number | null
  timesAccepted: number
}

export type Quantities = Map<string, string>
type Bounds = { min: bigint; max: bigint }

export class Ledger {
  readonly period: { startMs: number; endMs: number }
  readonly #customers = new Map<string, LedgerEvent[]>()
  #now = 0

  constructor(period: { startMs: number; endMs: number }) {
    this.period = period
  }

  add(event: LedgerEvent): void {
    const events = this.#customers.get(event.customer)
    if (events) events.push(event)
    else this.#customers.set(event.customer, [event])
  }

  moment(): number {
    return ++this.#now
  }

  sending(event: LedgerEvent): void {
    event.sentAt ??= this.moment()
  }

  /** Returns what is wrong with this answer, or null. */
  answered(event: LedgerEvent, status: string): string | null {
    if (status === 'accepted') event.timesAccepted++
    event.ackedAt ??= this.moment()
    if (status !== 'accepted' && status !== 'duplicate')
      return `${event.content.id} was answered ${status}, but it was always sent with the same content`
    return event.timesAccepted > 1
      ? `${event.content.id} was accepted ${event.timesAccepted} times: all but the first are duplicates`
      : null
  }

  get customers(): string[] {
    return [...this.#customers.keys()]
  }

  eventsOf(customer: string): LedgerEvent[] {
    return this.#customers.get(customer) ?? []
  }

  get sent(): LedgerEvent[] {
    return [...this.#customers.values()].flat().filter(({ sentAt }) => sentAt !== null)
  }

  /** What is wrong with what a read between these two moments has shown; nothing, if nothing is. */
  wrong(customer: string, shown: Quantities, began: number, ended: number): string[] {
    const sent = this.eventsOf(customer).filter(({ sentAt }) => sentAt !== null && sentAt < ended)
    const [certain, possible]: [LedgerEvent[], LedgerEvent[]] = [[], []]
    for (const event of sent) {
      const acked = event.ackedAt !== null && event.ackedAt < began
      ;(acked ? certain : possible).push(event)
    }
    const wrong = Object.entries(boundsOf(certain, possible, this.period)).flatMap(
      ([meter, { min, max }]) => {
        const text = shown.get(meter) ?? '0'
        const amount = amountOf(text)
        if (amount >= min && amount <= max) return []
        const wanted = min === max ? textOf(min) : `${textOf(min)} to ${textOf(max)}`
        return [`${customer}, ${meter}: ${text}, but it must be ${wanted}`]
      },
    )
    return [...wrong, ...wrongDigits(certain, possible, amountOf(shown.get('units') ?? '0'))]
  }
}

function boundsOf(
  certain: LedgerEvent[],
  possible: LedgerEvent[],
  period: { startMs: number; endMs: number },
): Record<string, Bounds> {
  const sums = (of: (event: LedgerEvent) => bigint): Bounds => {
    const sure = certain.reduce((sum, event) => sum + of(event), 0n)
    let [min, max] = [sure, sure]
    for (const event of possible) {
      if (of(event) < 0n) min += of(event)
      else max += of(event)
    }
    return { min, max }
  }
  const users = (events: LedgerEvent[]) => BigInt(new Set(events.map(({ user }) => user)).size) * ONE
  const peak = (events: LedgerEvent[]) =>
    events.reduce((max, event) => (event.peak > max ? event.peak : max), 0n)
  const all = [...certain, ...possible]
  const lengthMs = BigInt(period.endMs - period.startMs)
  const level = sums(({ change, atMs }) => change * BigInt(period.endMs - atMs))
  return {
    units: sums(({ units }) => units),
    calls: sums(() => ONE),
    users: { min: users(certain), max: users(all) },
    peak: { min: peak(certain), max: peak(all) },
    level: { min: quotient(level.min, lengthMs), max: quotient(level.max, lengthMs) },
  }
}

function wrongDigits(certain: LedgerEvent[], possible: LedgerEvent[], units: bigint): string[] {
  const wrong: string[] = []
  for (const [events, least] of [
    [certain, 1n],
    [possible, 0n],
  ] as const) {
    for (const { digit, content } of events) {
      if (digit === null) continue
      const times = (units / 10n ** BigInt(digit - LOWEST_DIGIT)) % 10n
      if (times < least) wrong.push(`${content.id} was acknowledged, but is not in the bill`)
      if (times > 1n) wrong.push(`${content.id} is in the bill ${times} times`)
    }
  }
  return wrong
}
