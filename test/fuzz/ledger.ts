// What must have been counted: the events that were answered "accepted", and nothing else.

import type { Actor } from './actor.ts'
import { eventsByLine } from './import-file.ts'
import { mediaTypeOf } from './oracle.ts'
import { type FuzzRequest, payloadOf } from './request.ts'
import { Standing, type State, scaled, type Totals, timeMs, totalName } from './standing.ts'
import { fullHour, midnight } from './values.ts'
import { listAll, type Target } from './world.ts'

export type SentEvent = {
  id?: unknown
  specversion?: unknown
  resource_type?: unknown
  type?: unknown
  source?: unknown
  customer_id?: unknown
  subject?: unknown
  quantity?: unknown
  timestamp?: unknown
  time?: unknown
  properties?: Record<string, unknown> | null
  data?: Record<string, unknown> | null
}
type Recorded = { accepted: number; duplicates: number; events: { id: string; status: string }[] }

/** Between which instants an event happened that came without its time: requests wait no longer. */
const ARRIVAL_MS = 60_000
/** As long as a period may be. */
const DAYS_CHECKED = 399

export class Ledger {
  readonly #actor: Actor
  readonly standing: Standing
  accepted = 0

  constructor(actor: Actor) {
    this.#actor = actor
    this.standing = new Standing(actor)
  }

  /** Before a request is sent: its events' ids may be known from now on. */
  sending(request: FuzzRequest): void {
    for (const event of eventsOf(request)) {
      const id = idOf(event)
      if (id !== null) this.#actor.timesSent.set(id, (this.#actor.timesSent.get(id) ?? 0) + 1)
    }
  }

  /** A success of recordUsage. Returns what is wrong with it. */
  recorded(request: FuzzRequest, answer: Recorded): string[] {
    const events = eventsOf(request)
    const wrong: string[] = []
    const ofStatus = (status: string) => answer.events.filter((event) => event.status === status).length
    if (answer.events.length !== events.length) wrong.push('another number of events than was sent')
    if (ofStatus('accepted') !== answer.accepted) wrong.push('accepted is not what the events say')
    if (ofStatus('duplicate') !== answer.duplicates) wrong.push('duplicates is not what the events say')
    for (const [i, { id, status }] of answer.events.entries()) {
      const event = events[i]
      const known = (this.#actor.timesSent.get(id) ?? 0) > 1
      if ((status === 'duplicate' || status === 'conflict') && !known)
        wrong.push(`${id} is a ${status} of an event that this tenant never sent`)
      if (status !== 'accepted' || !event) continue
      // Made by the server, and known from now on.
      if (event.id === undefined) this.#actor.timesSent.set(id, 1)
      this.accept(id, event)
    }
    return wrong
  }

  accept(id: string, event: SentEvent, history = false): void {
    this.accepted++
    this.standing.accept(id, sentState(event), history)
  }
}

/** A CloudEvent has no quantity of its own. */
function sentState(event: SentEvent): State {
  const {
    specversion,
    type,
    resource_type,
    subject,
    customer_id,
    quantity,
    time,
    timestamp,
    data,
    properties,
  } = event
  const isCloudEvent = specversion !== undefined
  const sentTime = isCloudEvent ? time : timestamp
  const nowMs = Date.now()
  const at = sentTime === undefined ? null : timeMs(sentTime)
  return {
    customer: String(isCloudEvent ? subject : customer_id),
    type: String(isCloudEvent ? type : resource_type),
    quantity: scaled((isCloudEvent ? undefined : quantity) ?? 1),
    time: at === null ? { fromMs: nowMs - ARRIVAL_MS, toMs: nowMs } : { fromMs: at, toMs: at },
    properties: (isCloudEvent ? data : properties) ?? {},
  }
}

/** What usage has otherwise than what the events stand as; without customers: of all. */
export async function totalDifferences(
  target: Target,
  actor: Actor,
  standing: Standing,
  nowMs: number,
  customers?: ReadonlySet<string>,
): Promise<string[]> {
  // Of old usage the hours are gone: it begins with a day.
  const from = midnight(actor.timezone, nowMs, 1 - DAYS_CHECKED)
  const to = fullHour(actor.timezone, nowMs, 3)
  const period = { fromMs: Date.parse(from), toMs: Date.parse(to) }
  const wanted = standing.totals(period, customers)
  const is: Totals = new Map()
  const meters = new Set(standing.meters)
  for (const customer of customers ?? [null]) {
    const of = customer === null ? '' : `&customer_id=${encodeURIComponent(customer)}`
    for (const row of await listAll(target, actor, `/api/v1/usage?from=${from}&to=${to}${of}`))
      if (meters.has(row.meter)) is.set(totalName(row.customer_id, row.meter), scaled(row.quantity))
  }
  return [...new Set([...is.keys(), ...wanted.keys()])].flatMap((name) => {
    const [has, wants] = [is.get(name) ?? 0n, wanted.get(name) ?? 0n]
    const [customer, meter] = JSON.parse(name) as [string, string]
    const isRight = has === wants || (has < wants && standing.mayLack(customer, meter))
    return isRight ? [] : [`${name} is ${has} by usage, and ${wants} by its events (·10^-12)`]
  })
}

export function eventsOf(request: FuzzRequest): SentEvent[] {
  const payload = payloadOf(request)
  if (payload === null || request.raw !== null) return []
  if (request.operation.id === 'importEvents')
    return [...eventsByLine(request, payload).values()].map((event) => event ?? {})
  try {
    const body = JSON.parse(new TextDecoder().decode(payload))
    const listed = Array.isArray(body) && mediaTypeOf(request) !== 'application/cloudevents+json'
    return (listed ? body : [body]).map((event: SentEvent | null) => event ?? {})
  } catch {
    return []
  }
}

export function idOf(event: SentEvent): string | null {
  if (typeof event.id !== 'string') return null
  return typeof event.source === 'string' ? `${event.source} ${event.id}` : event.id
}
