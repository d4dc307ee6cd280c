// Whether the event log can be true: what is counted is in it, as it was sent, as often as it counts; and nothing else.

import { isDeepStrictEqual } from 'node:util'
import { byArrival, type LogEntry, type Position } from '../../src/log/entry.ts'
import { ALL_EVENTS } from '../../src/log/filter.ts'
import { findEvents, type LogServices } from '../../src/log/find-events.ts'
import type { Order } from '../../src/log/ports.ts'
import { HISTORY } from '../../src/metering/history.ts'
import { meterId } from '../support/metering.ts'
import { type Owed, owedNow } from './check-totals.ts'
import { unitsOf } from './expected.ts'
import { label, type SimEvent } from './oracle.ts'
import { IDLE, kinds, metersOf } from './plan.ts'
import type { Tenant } from './stage.ts'
import { laws, Violation } from './violation.ts'
import type { Whisper, World } from './world.ts'

/** More than any log of a schedule has. */
const PAGES = 2_000

/** `customer: null`: all */
export type LogQuestion = { tenant: Tenant; customer: string | null }

/** How often each event is counted, in all and as history. */
export type LoggedCounts = Record<'all' | 'history', (event: SimEvent) => number>

/** What the log must have when it is read now. */
export type OwedLog = {
  of: Map<string, Owed>
  whispers: Set<Whisper>
  /** Whether what arrived then has to be hidden, as it was erased. */
  isErased: (entry: LogEntry) => boolean
  rollbacks: number
  gaps: number
}

export function owedLog(world: World, tenant: Tenant, customer: string | null): OwedLog {
  const customers = customer === null ? world.oracle.customersOf(tenant.number) : [customer]
  const whispers = world.whispers.filter((one) => one.acked && !world.lacks(tenant.number))
  return {
    of: new Map(customers.map((one) => [one, owedNow(world, tenant, one, true)])),
    isErased: world.erasures.standing(tenant.number),
    whispers: new Set(whispers),
    rollbacks: world.oracle.rollbacks,
    gaps: world.gaps,
  }
}

/** Page after page; what pages must be among each other is checked. */
export async function readLog(
  services: LogServices,
  { tenant, customer }: LogQuestion,
  { order, limit }: { order: Order; limit: number },
): Promise<LogEntry[]> {
  const entries: LogEntry[] = []
  const filter = { ...ALL_EVENTS, customerId: customer }
  let after: Position | null = null
  for (let page = 0; page < PAGES; page++) {
    const found = await findEvents(services, tenant.id, { filter, order, after, limit })
    if (found.events.length > limit) throw new Violation(laws.logged, `a page has more than ${limit} events`)
    entries.push(...found.events)
    after = found.next
    if (after !== null) continue
    const direction = order === 'asc' ? 1 : -1
    const late = entries.findIndex((one, i) => i > 0 && direction * byArrival(entries[i - 1]!, one) >= 0)
    if (late !== -1) throw new Violation(laws.logged, `${entries[late]!.id} is not in its place in the log`)
    return entries
  }
  throw new Violation(laws.logged, `the log has no end after ${PAGES} pages`)
}

/** `countOf`: how often each event counts, where that can be told. */
export function checkLog(
  world: World,
  question: LogQuestion & { owed: OwedLog; countOf: LoggedCounts | null },
  entries: LogEntry[],
): void {
  const { tenant, customer, owed, countOf } = question
  // Pages are read one after the other: what Redis forgot and took again meanwhile may be in none of them.
  const same = owed.rollbacks === world.oracle.rollbacks && owed.gaps === world.gaps
  const shown = new Map<SimEvent | Whisper, number>()
  const asHistory = new Map<SimEvent | Whisper, number>()
  for (const entry of entries) {
    const event = eventOf(world, tenant, entry)
    shown.set(event, (shown.get(event) ?? 0) + 1)
    if (same && owed.isErased(entry))
      throw new Violation(laws.erased, `${entry.id} of ${entry.customerId} is shown, and was erased`)
    const way = entry.meters.includes(HISTORY) ? 'history' : 'live'
    if (way === 'history') asHistory.set(event, (asHistory.get(event) ?? 0) + 1)
    if ('ways' in event && !event.ways.has(way))
      throw new Violation(laws.logged, `${label(event)} is in the log as ${way}, and was never sent so`)
  }
  const customers = customer === null ? world.oracle.customersOf(tenant.number) : [customer]
  const mine = customers.flatMap((one) =>
    kinds.flatMap((kind) => world.oracle.eventsOf(tenant.number, one, kind)),
  )
  for (const event of mine) {
    const { min, max } = world.oracle.bounds(event)
    const must = same ? Math.min(owed.of.get(event.customer)?.counts.get(event) ?? 0, min) : 0
    // A correction stays that would have to be taken back by counting anew what was erased beside it: then the log has more than counts.
    const mayStay = event.id.corrected && world.erasures.asked.some((one) => one.tenant === tenant.number)
    const counts = mayStay ? null : (countOf?.all(event) ?? null)
    const due: [number, number] = counts === null ? [must, max] : [counts, counts]
    checkCount(label(event), shown.get(event) ?? 0, withoutErased(world, event, due))
    if (countOf !== null && !mayStay) {
      const counted = countOf.history(event)
      const asCounted = withoutErased(world, event, [counted, counted])
      checkCount(`${label(event)} as history`, asHistory.get(event) ?? 0, asCounted)
    }
    shown.delete(event)
  }
  if (customer === null)
    for (const whisper of world.whispers) {
      if (whisper.tenant !== tenant.number) continue
      const must = same && owed.whispers.has(whisper) ? 1 : 0
      // Its client may have sent it again by itself.
      const most = 1 + world.oracle.rollbacks
      checkCount(whisper.id, shown.get(whisper) ?? 0, [must, most])
      shown.delete(whisper)
    }
  if (shown.size > 0)
    throw new Violation(
      laws.isolation,
      `the log of ${customer} of tenant ${tenant.number} has others’ events`,
    )
}

/** Each copy that arrived before an erasure may be gone. */
function withoutErased(world: World, event: SimEvent, [min, max]: [number, number]): [number, number] {
  const arrivals = world.acceptances.arrivalsOf(event)
  return [Math.max(0, min - arrivals.filter((ms) => world.erasures.mayCover(event, ms)).length), max]
}

function checkCount(name: string, count: number, [min, max]: [number, number]): void {
  if (count >= min && count <= max) return
  const due = min === max ? `${min}` : `${min} to ${max}`
  throw new Violation(laws.logged, `${name} is in the log ${count} times, not ${due}`)
}

/** Which event an entry is of; it says all that was sent. */
function eventOf(world: World, tenant: Tenant, entry: LogEntry): SimEvent | Whisper {
  const { id, customerId, resourceType, quantity, timestampMs, properties, meters } = entry
  const kind = kinds.find((one) => one === resourceType)
  const event = kind
    ? world.oracle
        .eventsOf(tenant.number, customerId, kind)
        .find((one) => one.quantity === unitsOf(quantity) && (!('id' in one.sent) || one.id.id === id))
    : world.whispers.find((one) => one.tenant === tenant.number && one.id === id)
  if (event === undefined)
    throw new Violation(laws.isolation, `the log of tenant ${tenant.number} has ${id}, which nobody sent`)
  const { sent } = event
  const said = { customer_id: customerId, resource_type: resourceType, quantity, properties }
  const isSo =
    Object.entries(said).every(([name, value]) => isDeepStrictEqual(value, sent[name])) &&
    (!('timestamp' in sent) || sent.timestamp === new Date(timestampMs).toISOString())
  if (!isSo) throw new Violation(laws.logged, `${id} is in the log as ${JSON.stringify(entry)}`)
  const missing = metersOf(world.setup).find(
    (one) => one.resourceType === resourceType && !meters.includes(meterId(one.key)),
  )
  if (missing || (resourceType === IDLE && meters.length !== 1))
    throw new Violation(laws.logged, `${id} is in the log for the meters ${meters.join()}`)
  return event
}
