// What must have been counted: the events that were answered "accepted", and nothing else.

import type { Actor } from './actor.ts'
import { mediaTypeOf } from './oracle.ts'
import { type FuzzRequest, payloadOf } from './request.ts'
import { fullHour } from './values.ts'
import { listAll, type Target } from './world.ts'

type SentEvent = {
  id?: unknown
  resource_type?: unknown
  type?: unknown
  source?: unknown
  quantity?: unknown
  properties?: Properties
  data?: Properties
}
type Properties = Record<string, { tokens?: unknown } | null | undefined> | null
type Recorded = { accepted: number; duplicates: number; events: { id: string; status: string }[] }

const FRACTION_DIGITS = 12
const SCALE = 10n ** BigInt(FRACTION_DIGITS)

export class Ledger {
  readonly #actor: Actor
  readonly #counts = new Map<string, number>()
  #sum = 0n
  /** events of the summed type that say their tokens */
  #withTokens = 0
  accepted = 0

  constructor(actor: Actor) {
    this.#actor = actor
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
      this.#look(event)
      // A CloudEvent has no quantity of its own.
      if (isCloudEvent(request)) this.count(String(event.type), 1)
      else this.count(String(event.resource_type), event.quantity)
    }
    return wrong
  }

  #look({ type, resource_type, data, properties }: SentEvent): void {
    if ((type ?? resource_type) !== `${this.#actor.open}call`) return
    const found = properties ?? data ?? {}
    const named = found['$.usage.tokens'] ?? (Object.hasOwn(found, 'usage') ? found.usage?.tokens : null)
    if (named !== undefined && named !== null) this.#withTokens++
  }

  count(resourceType: string, quantity: unknown): void {
    this.accepted++
    this.#counts.set(resourceType, (this.#counts.get(resourceType) ?? 0) + 1)
    if (resourceType === `${this.#actor.open}call`) this.#sum += scaled(quantity ?? 1)
  }

  /** What the API's totals have otherwise than this. */
  async differences(target: Target, nowMs: number): Promise<string[]> {
    const { timezone, countMeters, sumMeter } = this.#actor
    const period = `from=${fullHour(timezone, nowMs, -37 * 24)}&to=${fullHour(timezone, nowMs, 3)}`
    const total = async (meter: string) => {
      const rows = await listAll(target, this.#actor, `/api/v1/usage?${period}&meter=${meter}`)
      return rows.reduce((sum, row) => sum + scaled(row.quantity), 0n)
    }
    const found: string[] = []
    for (const [type, meter] of Object.entries(countMeters)) {
      const [is, wanted] = [await total(meter), BigInt(this.#counts.get(type) ?? 0) * SCALE]
      if (is !== wanted)
        found.push(
          `tenant ${this.#actor.name}: ${meter} has counted ${is / SCALE}, accepted were ${wanted / SCALE}`,
        )
    }
    const sum = await total(sumMeter)
    if (sum !== this.#sum)
      found.push(`tenant ${this.#actor.name}: ${sumMeter} is ${sum}, accepted was ${this.#sum} (·10^-12)`)
    const [tokens, withTokens] = [await total(`${this.#actor.open}tokens`), BigInt(this.#withTokens) * SCALE]
    if (tokens !== withTokens)
      found.push(
        `tenant ${this.#actor.name}: ${tokens / SCALE} events have tokens by the filter, accepted were ${this.#withTokens}`,
      )
    return found
  }
}

export function eventsOf(request: FuzzRequest): SentEvent[] {
  const payload = payloadOf(request)
  if (payload === null || request.raw !== null) return []
  try {
    const body = JSON.parse(new TextDecoder().decode(payload))
    const listed = Array.isArray(body) && mediaTypeOf(request) !== 'application/cloudevents+json'
    return (listed ? body : [body]).map((event: SentEvent | null) => event ?? {})
  } catch {
    return []
  }
}

function idOf(event: SentEvent): string | null {
  if (typeof event.id !== 'string') return null
  return typeof event.source === 'string' ? `${event.source} ${event.id}` : event.id
}

const isCloudEvent = (request: FuzzRequest): boolean => mediaTypeOf(request).includes('cloudevents')

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
