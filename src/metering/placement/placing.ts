// All that placing tenants needs, as the composition makes it.

import type { CounterStore } from '../ports.ts'
import { partitionForTenant } from './list-partitions.ts'
import type { MoveServices } from './move-tenant.ts'
import type { PartitionServices } from './open-partition.ts'

export type Placing = MoveServices &
  PartitionServices & {
    /** The partition of a new tenant, which may be named. */
    placeNew(named?: number): Promise<number>
  }

/** What makes them one: new tenants are placed by what the partitions say. */
export const placing = (
  parts: Omit<Placing, 'placeNew'> & { counters: Pick<CounterStore, 'state'> },
): Placing => ({ ...parts, placeNew: (named) => partitionForTenant(parts, named) })
