// What the counter store has of a tenant's log: what is not settled yet, and what is offered again.

import type { LoggedCall } from './logged.ts'

/** Both ends are in it. */
export type LogSpan = {
  order: 'asc' | 'desc'
  fromMicros: number
  toMicros: number
  bytes: number
  /** Only calls whose text has this somewhere; '': all. */
  containing: string
}

export type LiveLog = {
  /** every segment that is not discarded */
  segments: string[]
  calls: (LoggedCall & { segment: string })[]
  /** of segments that are offered again: what SegmentLog.keep gave, which holds their events */
  kept: { segment: string; kept: string }[]
  /** when the first call came that is further on, and not here; null: there is none. Calls of one instant come together */
  nextMicros: number | null
  /** customers of whose events, among these, what arrived by then is erased */
  erased: { customerId: string; byMicros: number }[]
  /** All that is not discarded arrived from then on; null: there is nothing. */
  sinceMicros: number | null
}
