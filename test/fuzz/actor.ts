// A tenant that sends generated requests. Everything it makes carries a marker that no other tenant has, so that an answer
// shows by itself whose data is in it: `open` marks ids, which others may try to use; `secret` marks what only its owner
// ever sends, such as names and group values.

import type { Random } from './random.ts'

export const BASE_TYPES = ['call', 'gauge', 'seat'] as const

export type Actor = {
  name: string
  id: string
  apiKey: string
  open: string
  secret: string
  timezone: string
  customers: string[]
  /** Keys of meters that no generated request archives: their totals are checked in the end. */
  countMeters: Record<string, string>
  sumMeter: string
  meters: string[]
  plans: string[]
  coupons: string[]
  subscriptions: string[]
  /** issued ones */
  invoices: string[]
  drafts: string[]
  grants: string[]
  creditNotes: string[]
  resourceTypes: string[]
  eventIds: string[]
  cursors: string[]
  /** of events: all, drafts, and those that were applied */
  corrections: string[]
  toApply: string[]
  toRevert: string[]
  imports: string[]
  erasures: string[]
  /** the last one's number, by meter */
  revisions: Map<string, number>
  /** Its customers' events may be erased. */
  mayErase: boolean
  /** How often this tenant has sent an event's id: only what was sent before can be a duplicate or a conflict. */
  timesSent: Map<string, number>
  /** Others' open markers that this tenant has sent: answers may repeat those. */
  sentOpen: Set<string>
  others: Actor[]
}

/** What the operator's requests work on: nothing of it belongs to an actor. */
export type AdminPool = { tenants: string[]; keys: string[]; cursors: string[] }

const POOL_MAX = 300

/** Keeps some of what was seen, for later requests to use. */
export function remember(pool: string[], item: string, random: Random): void {
  if (pool.includes(item)) return
  if (pool.length < POOL_MAX) pool.push(item)
  else pool[random.int(POOL_MAX)] = item
}

/** Now and then what belongs to another tenant: none of it may be found. */
export const FOREIGN = 0.08

type Pool =
  | 'customers'
  | 'meters'
  | 'plans'
  | 'coupons'
  | 'subscriptions'
  | 'invoices'
  | 'drafts'
  | 'grants'
  | 'creditNotes'
  | 'resourceTypes'
  | 'eventIds'
  | 'cursors'
  | 'corrections'
  | 'toApply'
  | 'toRevert'
  | 'imports'
  | 'erasures'

/** One of the actor's own, sometimes another tenant's, sometimes a new one. */
export function named(actor: Actor, pool: Pool, random: Random, fresh = 0.25): string {
  if (actor.others.length > 0 && random.chance(FOREIGN)) {
    const other = random.pick(actor.others)
    const theirs = pool === 'meters' ? [...other.meters, ...Object.values(other.countMeters)] : other[pool]
    const foreign = theirs.filter((one) => !one.includes(actor.open))
    if (foreign.length > 0) return random.pick(foreign)
  }
  const own = actor[pool]
  if (own.length > 0 && !random.chance(fresh)) return random.pick(own)
  return `${actor.open}${random.word(6)}`
}

/** Markers of ids in a text, of this actor. */
export const openMarkersIn = (text: string, actor: Actor): string[] =>
  text.match(new RegExp(`${actor.open}[a-z0-9]*`, 'gi'))?.map((found) => found.toLowerCase()) ?? []
