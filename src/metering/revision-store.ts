// What metering needs of Postgres to revise meters. As in meter-store.ts, every change moves the tenant's configuration to its
// next version, in the same statement.

import type { Meter } from './meter.ts'

export type NewRevision = Pick<Meter, 'id' | 'value' | 'groupBy' | 'missing' | 'filter'> & {
  /** -Infinity: from the beginning */
  fromMs: number
  /** the counters' clock, before it was made */
  bornMicros: number
}

export type RevisionCreated =
  | { kind: 'created'; revision: Meter; version: number }
  /** the meter is another one than was seen, or is being revised already: look again */
  | { kind: 'moved' }
  | { kind: 'too_many'; of: 'tenant' | 'resource_type' | 'meter' }
  /** hours from then on have usage from before the log; null: there is no log */
  | { kind: 'before_log'; logSinceMs: number | null }
  /** Events of hours from then on were erased from the log, or are being. `isMoved`: events may be in hours after they arrived. */
  | { kind: 'erased'; customerId: string; byMs: number; isMoved: boolean }
  /** plans or subscriptions price groups of these properties, which it would not keep apart */
  | { kind: 'priced'; properties: string[] }

/** Beside which meter: as it counts now (`seen`: its id). `dropped`: properties that the revision would not keep apart. */
export type RevisionPlace = { key: string; seen: string; dropped: string[] }

export interface RevisionStore {
  /** Of a meter which has no revision that is being filled. */
  createRevision(tenantId: string, of: RevisionPlace, revision: NewRevision): Promise<RevisionCreated>
  /** What stands against it: all that createRevision looks at, and nothing is made. null: nothing does. */
  tryRevision(
    tenantId: string,
    of: RevisionPlace,
    revision: Pick<NewRevision, 'fromMs'>,
  ): Promise<Exclude<RevisionCreated, { kind: 'created' }> | null>
  /** Cancelling it again changes nothing. `switched`: it counts for the meter by now. null: there is none of this number. */
  cancelRevision(
    tenantId: string,
    key: string,
    number: number,
  ): Promise<{ kind: 'cancelled'; revision: Meter; version: number } | { kind: 'switched' } | null>
  /** Of a meter all there were, the first too, in the order of their numbers; none: no such meter. And the configuration's version. */
  listRevisions(tenantId: string, key: string): Promise<{ version: number; meters: Meter[] }>
  /** Those of these meters (keys) that are being filled. */
  fillingRevisions(tenantId: string, keys: string[]): Promise<Meter[]>
}
