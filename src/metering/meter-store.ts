// What metering needs of Postgres to set up meters. Every change moves the tenant's configuration to its next version, in
// the same statement: the version is what makes caches notice.

import type { PageRequest } from '../kernel/page.ts'
import type { Meter } from './meter.ts'
import type { NewMeter } from './meter-input.ts'

export type MeterCreated =
  | { kind: 'created' | 'exists'; meter: Meter; version: number }
  /** the tenant has all the meters it can have, or this resource type feeds all that it can feed */
  | { kind: 'too_many'; of: 'tenant' | 'resource_type' }
  /** the log lacks events that it would count: what arrived before this may be gone */
  | { kind: 'log_too_short'; sinceMs: number }

export type MeterTried =
  | Exclude<MeterCreated, { kind: 'created' | 'exists' }>
  | { kind: 'exists'; meter: Meter }

export interface MeterStore {
  /** One with the same key is the one that there is, whatever its id. `bornMicros`: the counters' clock, before it was made. */
  createMeter(tenantId: string, meter: NewMeter, bornMicros?: number | null): Promise<MeterCreated>
  /** What createMeter would come to; nothing is made. null: it would be made. */
  tryMeter(tenantId: string, meter: NewMeter): Promise<MeterTried | null>
  /** Sets what is there; the rest stays. null: no such meter. */
  changeMeter(
    tenantId: string,
    key: string,
    change: Partial<Pick<Meter, 'name' | 'missing'>>,
  ): Promise<{ meter: Meter; version: number } | null>
  /** Archiving it again changes nothing. null: no such meter. */
  archiveMeter(tenantId: string, key: string): Promise<{ meter: Meter; version: number } | null>
  findMeter(tenantId: string, key: string): Promise<Meter | null>
  /** In the order of their keys' bytes, archived ones too; one more than `limit` if there is one. `after` is a key. */
  listMeters(tenantId: string, page: PageRequest): Promise<Meter[]>
}
