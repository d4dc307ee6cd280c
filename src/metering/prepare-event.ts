// What an event becomes before it is sent to the counters: checked, and joined with the meters that it feeds.

import type { NewId } from '../kernel/ids.ts'
import { type Counted, deltasOf } from './count-events.ts'
import { type Event, parseEvent, type Wrong } from './event.ts'
import type { Limits } from './limits.ts'
import { activeMeters, type TenantConfig } from './meter.ts'

const TYPES_NAMED = 20
const TYPES_CHARS = 300

/** `unknownType`: no active meter takes its type. The tenant says whether it is wrong for that, or kept. */
export type Prepared = { pointer: string; unknownType?: true } & (
  | ({ event: Event } & Counted)
  | { wrong: Wrong[] }
)

/** The event, or what is wrong with it whatever the meters are. */
export function checkedEvent(
  sent: unknown,
  pointer: string,
  nowMs: number,
  limits: Limits,
  newId: NewId,
): Event | Wrong[] {
  const event = parseEvent(sent, pointer, nowMs, newId)
  if (Array.isArray(event)) return event
  const { timestampMs } = event
  if (timestampMs < nowMs - limits.eventMaxAgeMs) {
    return [
      {
        pointer: `${pointer}/timestamp`,
        detail: `lies more than ${days(limits.eventMaxAgeMs)} back: the oldest that is taken now is ${new Date(nowMs - limits.eventMaxAgeMs).toISOString()}`,
      },
    ]
  }
  if (timestampMs > nowMs + limits.eventMaxAheadMs) {
    return [
      {
        pointer: `${pointer}/timestamp`,
        detail: `lies more than ${limits.eventMaxAheadMs / 60_000} minutes ahead: it is ${new Date(nowMs).toISOString()} here`,
      },
    ]
  }
  return event
}

/** Of an event that the tenant wants to have kept. */
const NOWHERE =
  'has no meter, and this server keeps no log of events (EVENT_LOG is off): it would be accepted and be nowhere. Create a meter with POST /api/v1/meters'

const days = (ms: number): string => `${ms / 86_400_000} days`

/** What the event adds to which counters, by this configuration. `logged`: whether accepted events are kept. */
export function prepareEvent(
  event: Event | Wrong[],
  pointer: string,
  config: TenantConfig,
  logged: boolean,
): Prepared {
  if (Array.isArray(event)) return { pointer, wrong: event }
  const meters = activeMeters(config, event.resourceType)
  if (meters.length === 0) {
    if (config.unmetered === 'keep') {
      if (logged) return { pointer, event, deltas: [], skipped: [], unknownType: true }
      return { pointer, wrong: [{ pointer: `${pointer}/resource_type`, detail: NOWHERE }], unknownType: true }
    }
    const known = [
      ...new Set(config.meters.filter((meter) => !meter.archivedAt).map((meter) => meter.resourceType)),
    ]
    const detail =
      known.length === 0
        ? 'has no meter, and neither has any other resource type: create one with POST /api/v1/meters'
        : `has no meter; these have one: ${listed(known)}. Create one with POST /api/v1/meters`
    return { pointer, wrong: [{ pointer: `${pointer}/resource_type`, detail }], unknownType: true }
  }
  const counted = deltasOf(event, meters, config, pointer)
  if (Array.isArray(counted)) return { pointer, wrong: counted }
  return { pointer, event, deltas: counted.deltas, skipped: counted.skipped }
}

/** Not so long that a batch of such events is answered with megabytes. */
function listed(types: string[]): string {
  const text = types.slice(0, TYPES_NAMED).join(', ')
  return text.length > TYPES_CHARS ? `${text.slice(0, TYPES_CHARS).toWellFormed()}…` : text
}
