// A segment's hash, taken apart: its counters, and the log of its events.

import { parseCounters } from '../../metering/counter.ts'
import type { LoggedCall } from '../../metering/logged.ts'
import type { LiveLog, SegmentContent } from '../../metering/ports.ts'
import { erasuresIn } from './noted-erasures.ts'

const KEPT = '!kept'
const LOG = '~'
/** "~<tenant>\x1f<µs>-<nonce>" */
const LOG_FIELD = /^~([^\x1f]+)\x1f(\d+)-/

/** `flat`: field, value, field, value … */
export function segmentContent(flat: string[]): SegmentContent {
  const [counters, logged]: [string[], [string, string][]] = [[], []]
  let kept: string | null = null
  for (let i = 0; i < flat.length; i += 2) {
    const [field, value] = [flat[i]!, flat[i + 1]!]
    if (field.startsWith(LOG)) logged.push([field, value])
    else if (field === KEPT) kept = value
    else counters.push(field, value)
  }
  // In the order of arrival, one tenant's after another's.
  logged.sort(([a], [b]) => (a < b ? -1 : 1))
  const log = logged.map(([field, text]) => loggedCall(field, text))
  return { counters: parseCounters(counters), log, kept }
}

function loggedCall(field: string, text: string): LoggedCall {
  const [, tenantId, micros] = LOG_FIELD.exec(field)!
  return { field, tenantId: tenantId!, receivedMicros: Number(micros), text }
}

/** As scripts/log.ts gives it. */
export function liveLog(
  tenantId: string,
  [segments, calls, kept, next, erased, since]: [string[], string[], string[], string, string[], string],
): LiveLog {
  const micros = (text: string) => (text === '' ? null : Number(text))
  const live: LiveLog = {
    segments,
    calls: [],
    kept: [],
    nextMicros: micros(next),
    erased: erasuresIn(erased).filter((one) => one.tenantId === tenantId),
    sinceMicros: micros(since),
  }
  for (let i = 0; i < calls.length; i += 3)
    live.calls.push({ segment: calls[i]!, ...loggedCall(calls[i + 1]!, calls[i + 2]!) })
  for (let i = 0; i < kept.length; i += 2) live.kept.push({ segment: kept[i]!, kept: kept[i + 1]! })
  return live
}

export const fieldsIn = ({ counters, log, kept }: SegmentContent): number =>
  counters.length + log.length + (kept === null ? 0 : 1)

/** Of what is unsettled, how much is each tenant's: its id, its counters, and bytes of its log, for one after the other. */
export function sharesOf({ counters, log }: SegmentContent): string[] {
  const shares = new Map<string, { counters: number; bytes: number }>()
  const shareOf = (tenantId: string) => {
    let share = shares.get(tenantId)
    if (share === undefined) {
      share = { counters: 0, bytes: 0 }
      shares.set(tenantId, share)
    }
    return share
  }
  for (const { tenantId } of counters) shareOf(tenantId).counters++
  for (const { tenantId, field, text } of log)
    shareOf(tenantId).bytes += encoder.encode(field).length + encoder.encode(text).length
  return [...shares].flatMap(([tenantId, share]) => [tenantId, String(share.counters), String(share.bytes)])
}

const encoder = new TextEncoder()

export function* fieldsOf(flat: string[]): Generator<[field: string, value: string]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!]
}
