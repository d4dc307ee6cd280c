// Corrections of events, as acts: a correction that was applied, or taken back. The log itself never changes; what an event is
// by now follows from what was sent and from the acts, in their order. Pure.

import type { LogEntry } from './entry.ts'
import { matches } from './filter.ts'
import type { EventFilter } from './ports.ts'

export const correctionActions = ['void', 'amend', 'move'] as const
export type CorrectionAction = (typeof correctionActions)[number]

/** What an amendment says of an event; what is absent stays. */
export type EventChange = {
  /** canonical decimal */
  quantity?: string
  timestampMs?: number
  customerId?: string
  /** Those named are set, or removed by null; the others stay. */
  properties?: Record<string, unknown>
}

/** Which events a correction takes: all of these hold of the event as it stands. */
export type ActFilter = Pick<
  EventFilter,
  'customerId' | 'resourceType' | 'fromMs' | 'toMs' | 'properties'
> & {
  /** of one event alone */
  eventId: string | null
  /** Only what arrived from then on (µs): an id may be used again when it is forgotten. */
  receivedFrom: number
}

export type Correction = {
  /** its id */
  correction: string
  action: CorrectionAction
  filter: ActFilter
  /** empty for a void */
  set: EventChange
  reason: string
}

/** One entry of a tenant's ledger of corrections. */
export type Act = Correction & {
  /** 1, 2, 3 … within the tenant, in the order in which they were entered */
  number: number
  kind: 'apply' | 'revert'
  /** the names of the blocks that it took; a revert has those of what it takes back */
  blocks: ReadonlySet<string>
  atMs: number
}

/** An event as it stands: null where it is voided; and the acts that took it and stand, in their order. */
export type Standing = { state: LogEntry | null; acts: Act[] }

/** The event after these acts, which are in the order of their numbers; null: it is voided. */
export const stateOf = (entry: LogEntry, block: string, acts: readonly Act[]): LogEntry | null =>
  standingOf(entry, block, acts).state

/**
 * What an act took never changes: the events of its blocks that its filter matched as they stood just before it. What stands
 * of an event is what was sent, changed by the acts that took it and were not reverted, one after the other. So what a revert
 * leaves is what would be there without the act, whatever came between.
 */
export function standingOf(entry: LogEntry, block: string, acts: readonly Act[]): Standing {
  let state: LogEntry | null = entry
  let on: Act[] = []
  for (const act of acts) {
    if (!act.blocks.has(block)) continue
    if (act.kind === 'apply') {
      if (state === null || !takes(act, state)) continue
      on = [...on, act]
      state = corrected(state, act)
    } else if (on.some(({ correction }) => correction === act.correction)) {
      on = on.filter(({ correction }) => correction !== act.correction)
      state = on.reduce<LogEntry | null>(
        (one, { action, set }) => one && corrected(one, { action, set }),
        entry,
      )
    }
  }
  return { state, acts: on }
}

/** Whether a correction takes the event that stands so. */
export function takes({ filter }: Pick<Correction, 'filter'>, state: LogEntry): boolean {
  const { eventId, receivedFrom } = filter
  if (eventId !== null && state.id !== eventId) return false
  return state.receivedMicros >= receivedFrom && fits(filter)(state)
}

/** The event as it is after the correction; null after a void. */
export function corrected(
  state: LogEntry,
  { action, set }: Pick<Correction, 'action' | 'set'>,
): LogEntry | null {
  if (action === 'void') return null
  const { properties, ...fields } = set
  return {
    ...state,
    ...fields,
    properties: properties ? merged(state.properties, properties) : state.properties,
  }
}

function merged(
  properties: Record<string, unknown>,
  changes: Record<string, unknown>,
): Record<string, unknown> {
  const all = Object.entries({ ...properties, ...changes })
  return Object.fromEntries(all.filter(([name, value]) => value !== null || !Object.hasOwn(changes, name)))
}

const known = new WeakMap<ActFilter, (entry: LogEntry) => boolean>()

function fits(filter: ActFilter): (entry: LogEntry) => boolean {
  let test = known.get(filter)
  if (test === undefined) {
    const { customerId, resourceType, fromMs, toMs, properties } = filter
    test = matches({ customerId, resourceType, fromMs, toMs, properties, text: null })
    known.set(filter, test)
  }
  return test
}
