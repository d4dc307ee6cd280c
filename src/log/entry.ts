// An event as the log keeps it.

import type { Event } from '../metering/event.ts'
import { HISTORY } from '../metering/history.ts'

/** What was accepted, as it was sent, with what it was sent without filled in. */
export type LogEntry = {
  id: string
  customerId: string
  resourceType: string
  /** canonical decimal */
  quantity: string
  timestampMs: number
  properties: Record<string, unknown>
  /** when it was recorded, by the counter store's clock: µs since 1970 */
  receivedMicros: number
  /** its list: the ids of the meters that it was counted for when it was recorded; and HISTORY, if it was as that */
  meters: readonly string[]
  /** Of one that is shown as it stands: the correction that voided it, or else the last one that changed it. */
  correction?: EventCorrection
}

export type EventCorrection = {
  /** its id */
  id: string
  action: 'void' | 'amend' | 'move'
  reason: string
  atMs: number
  isVoided: boolean
}

/** As metering takes it. Its texts are those of recording, which is done. */
export const asEvent = ({
  id,
  customerId,
  resourceType,
  quantity,
  timestampMs,
  properties,
  meters,
}: LogEntry): Event => ({
  id,
  customerId,
  resourceType,
  quantity,
  timestampMs,
  properties,
  propertiesText: '',
  content: '',
  ...(meters.includes(HISTORY) && { history: true }),
})

/**
 * The log's order: by arrival, and of what arrived at one instant by id. No two events of a tenant are the same in both: an
 * instant is far shorter than ids are known for.
 */
export type Position = Pick<LogEntry, 'receivedMicros' | 'id'>

export const byArrival = (a: Position, b: Position): number =>
  a.receivedMicros - b.receivedMicros || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
