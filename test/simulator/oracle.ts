// The oracle: it knows which events were sent and how each sending was answered, and nothing of how they are counted. From
// that follows how often each may have been counted at any instant, and what every read has to show.

import { DIGITS, type Kind } from './plan.ts'
import { laws, Violation } from './violation.ts'

/** An id with a content. Two of them may share an id: then only one can count. */
export type SimEvent = {
  tenant: number
  customer: string
  kind: Kind
  /** which digit of the customer's totals is its own */
  digit: number
  id: Identity
  sent: Record<string, unknown>
  user: string
  /** these in units of 10^-12 */
  quantity: bigint
  value: bigint
  change: bigint
  atMs: number
  /** answered with success, and the answer was not undone since; the moment of it */
  ackedAt: number | null
  /** sendings that may have been applied, or may yet be */
  maybe: number
  firstAckedAt: number | null
  /** found in Postgres when Redis went back in time: counted, whatever comes */
  settled: number
  firstSentAt: number
  /** how it was sent: one that was imported as history may be that, and one that was never sent otherwise is */
  ways: Set<Way>
}

export type Way = 'live' | 'history'

/** An event's id, within its tenant. */
export type Identity = {
  id: string
  variants: SimEvent[]
  firstSentMs: number
  /** Redis may have forgotten it, so another sending may count again */
  forgotten: boolean
  surplus: number
  rollbacks: number
  /** when it was forgotten where its tenant is: what was acknowledged before is not known everywhere */
  strayedAt: number
  /** It may be voided, and so count or not. */
  corrected: boolean
}

export type Batch = {
  n: number
  tenant: number
  events: SimEvent[]
  handling: 'strict' | 'lenient'
  answered: boolean
  firstSentMs: number
  retriable: boolean
}

export type Answer =
  | { kind: 'statuses'; statuses: ('accepted' | 'duplicate' | 'conflict' | 'invalid')[] }
  | { kind: 'conflict'; positions: number[] }
  | { kind: 'refused' }
  | { kind: 'unknown' }

type Known = { variant: SimEvent | null; rollbacks: number }
export type Sending = { batch: Batch; known: Known[] }

export class Oracle {
  /** counts what happens, to order answers, reads and rollbacks */
  now = 0
  readonly identities = new Map<string, Identity>()
  readonly batches: Batch[] = []
  readonly #customers = new Map<string, SimEvent[]>()
  rollbacks = 0

  eventsOf(tenant: number, customer: string, kind: Kind): SimEvent[] {
    const key = `${tenant}/${customer}/${kind}`
    let events = this.#customers.get(key)
    if (!events) {
      events = []
      this.#customers.set(key, events)
    }
    return events
  }

  idsOf(tenant: number): number {
    return [...this.identities.keys()].filter((key) => key.startsWith(`${tenant}/`)).length
  }

  identitiesOf(tenant: number): Identity[] {
    return [...this.identities].filter(([key]) => key.startsWith(`${tenant}/`)).map(([, one]) => one)
  }

  hasHistory(tenant: number): boolean {
    return this.identitiesOf(tenant).some(({ variants }) => variants.some(({ ways }) => ways.has('history')))
  }

  /** Those that events were sent for. */
  customersOf(tenant: number): string[] {
    const mine = [...this.#customers].filter(
      ([key, events]) => events.length > 0 && key.startsWith(`${tenant}/`),
    )
    return [...new Set(mine.map(([key]) => key.split('/')[1]!))]
  }

  /** null: the customer's digits are used up. */
  newEvent(
    of: Pick<SimEvent, 'tenant' | 'customer' | 'kind' | 'user' | 'value' | 'change' | 'atMs'>,
    idText: string,
    content: (digit: number) => { sent: Record<string, unknown>; quantity: bigint },
    nowMs: number,
  ): SimEvent | null {
    const mine = this.eventsOf(of.tenant, of.customer, of.kind)
    if (mine.length >= DIGITS) return null
    const key = `${of.tenant}/${idText}`
    let id = this.identities.get(key)
    if (!id) {
      id = {
        id: idText,
        variants: [],
        firstSentMs: nowMs,
        forgotten: false,
        surplus: 0,
        rollbacks: 0,
        strayedAt: 0,
        corrected: false,
      }
      this.identities.set(key, id)
    }
    const event: SimEvent = {
      ...of,
      ...content(mine.length),
      digit: mine.length,
      id,
      ackedAt: null,
      maybe: 0,
      firstAckedAt: null,
      settled: 0,
      firstSentAt: ++this.now,
      ways: new Set(),
    }
    mine.push(event)
    id.variants.push(event)
    return event
  }

  /** A try to send a batch begins. */
  sending(batch: Batch, way: Way = 'live'): Sending {
    const known = batch.events.map((event) => ({
      variant:
        event.id.variants.find(({ ackedAt }) => ackedAt !== null && ackedAt > event.id.strayedAt) ?? null,
      rollbacks: event.id.rollbacks,
    }))
    for (const event of batch.events) {
      event.maybe++
      event.ways.add(way)
      remembered(event.id)
    }
    return { batch, known }
  }

  /** The try was answered. `unsure`: something of it may yet be applied, whatever the answer says. */
  answered({ batch, known }: Sending, answer: Answer, unsure: boolean): void {
    if (answer.kind === 'unknown') return
    batch.answered = true
    for (const [i, event] of batch.events.entries()) {
      const status =
        answer.kind === 'statuses'
          ? answer.statuses[i]!
          : answer.kind === 'conflict' && answer.positions.includes(i)
            ? 'conflict'
            : 'refused'
      const before = known[i]!
      const sure = before.variant !== null && before.rollbacks === event.id.rollbacks
      const said = `${label(event)} was answered ${status}`
      if (sure && before.variant === event && (status === 'accepted' || status === 'conflict'))
        throw new Violation(
          status === 'accepted' ? laws.once : laws.conflict,
          `${said}, but was acknowledged before`,
        )
      if (sure && before.variant !== event && (status === 'accepted' || status === 'duplicate'))
        throw new Violation(laws.conflict, `${said}, but its id was acknowledged with another content`)
      if (status === 'conflict' && event.id.variants.length === 1)
        throw new Violation(laws.conflict, `${said}, but its id was never used for anything else`)
      if (status === 'invalid') throw new Violation(laws.answers, `${said}, but nothing is wrong with it`)
      if (status === 'accepted' || status === 'duplicate') {
        event.ackedAt = ++this.now
        event.firstAckedAt ??= event.ackedAt
      } else if (!unsure) event.maybe--
    }
  }

  /**
   * Redis is as it was at `sinceThen`. `settled`: how often Postgres has an event now. `pending`: whether some sending of it is still
   * on the wire. `held`: whether what went back may have held something of an id since then.
   */
  rolledBack(
    sinceThen: number,
    settled: (event: SimEvent) => number,
    pending: (event: SimEvent) => boolean,
    held: (id: Identity) => boolean,
  ): void {
    this.rollbacks++
    for (const id of this.identities.values()) {
      if (!held(id) || id.variants.some(({ ackedAt }) => ackedAt !== null && ackedAt <= sinceThen)) continue
      id.rollbacks++
      id.forgotten = true
      for (const event of id.variants) {
        event.settled = settled(event)
        event.ackedAt = null
        if (pending(event)) remembered(id)
      }
    }
  }

  /** Where a tenant is was forgotten: an id of its may be accepted elsewhere once more. Nothing is lost. */
  strayed(tenant: number, pending: (event: SimEvent) => boolean): void {
    for (const id of this.identitiesOf(tenant)) {
      id.rollbacks++
      id.strayedAt = ++this.now
      id.forgotten = true
      if (id.variants.some(pending)) remembered(id)
    }
  }

  /** Postgres was put back: what it had of what Redis has forgotten may be gone with it. */
  settledAtMost(settled: (event: SimEvent) => number): void {
    for (const { variants } of this.identities.values())
      for (const event of variants) event.settled = Math.min(event.settled, settled(event))
  }

  /** How often an event must be, and can be, in a total now. */
  bounds(event: SimEvent): { min: number; max: number } {
    const min = event.id.corrected ? 0 : Math.max(event.settled, event.ackedAt === null ? 0 : 1)
    const possible = event.firstAckedAt !== null || event.maybe > 0 || event.settled > 0
    return { min, max: possible ? 1 + event.id.surplus : 0 }
  }

  /** The same with history, or without it. */
  boundsWith(event: SimEvent, history: boolean): { min: number; max: number } {
    const { min, max } = this.bounds(event)
    if (history) return { min, max }
    return { min: event.ways.has('history') ? 0 : min, max: event.ways.has('live') ? max : 0 }
  }
}

/** What Redis has forgotten comes in once more: it is counted anew, and what was counted of it before may be in Postgres. */
function remembered(id: Identity): void {
  if (id.forgotten) id.surplus++
  id.forgotten = false
}

export const label = (event: SimEvent): string =>
  `event ${event.id.id}${event.id.variants.length > 1 ? ` (content ${event.id.variants.indexOf(event) + 1})` : ''} of tenant ${event.tenant}, ${event.customer} ${event.kind} digit ${event.digit}`
