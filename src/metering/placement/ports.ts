// What placing tenants needs of the stores. A method is one whole atomic operation.

import type { Placement } from './placement.ts'

/** One Redis that holds partitions, by the name that the configuration has for it. */
export type Partition = { id: number; database: string; state: 'open' | 'closed' }

export interface PlacementStore {
  /** Throws not_found. */
  loadPlacement(tenantId: string): Promise<Placement>
  /** Only if the placement is still the one that was seen; gives whether it was. */
  writePlacement(tenantId: string, seen: Placement, next: Placement): Promise<boolean>
  /**
   * Postgres was put back: takes over what a partition knows, under a version and a nonce of its own, unless what it has is later,
   * or came of the same.
   */
  adoptPlacement(tenantId: string, known: Placement, nonce: string): Promise<void>
  /** Notes when a former home was frozen, if the placement still has it and does not know yet. */
  noteFrozen(tenantId: string, former: { partition: number; by: string; frozenMs: number }): Promise<void>
  /** For how long its events' ids are known; null: as the installation has it. */
  windowOf(tenantId: string): Promise<number | null>
  /** Tenants with former homes, by their ids. */
  tenantsWithFormer(
    after: string | null,
    limit: number,
  ): Promise<{ tenantId: string; placement: Placement }[]>
}

export interface PartitionStore {
  /** Those that the installation began with, on `main`; and where the tenants are that were never placed. */
  seedPartitions(first: number): Promise<void>
  /** In the order of their ids. */
  listPartitions(): Promise<Partition[]>
  /** false: there is one with this id. */
  addPartition(partition: Partition): Promise<boolean>
  /** null: there is none with this id. */
  changePartition(id: number, state: Partition['state']): Promise<Partition | null>
  /** How many tenants have a partition as a home, by its id. */
  tenantsIn(): Promise<Map<number, number>>
}

/** The placements as this instance knows them. */
export interface Placements {
  /** Cached, or loaded. */
  of(tenantId: string): Promise<Placement>
  /** A partition refused, and handed this over: makes sure that Postgres knows it, and forgets what is cached. */
  learn(tenantId: string, known: Placement): Promise<void>
}

/** Which database has a partition. */
export interface PartitionDirectory {
  list(): Promise<Partition[]>
  /** All of them, also those that a Postgres which was put back has forgotten: the databases are asked. */
  findAll(): Promise<Partition[]>
  databaseOf(partition: number): Promise<string>
  /** Somebody opened some: there are so many at least. */
  thereAre(partitions: number): void
  /** They are listed anew when they are wanted next. */
  forget(): void
}

/** What moving and opening ask of partitions themselves. */
export interface HomePartitions {
  /** The names of the databases that the configuration has. */
  readonly names: string[]
  unreachable(): Promise<string[]>
  /** The newest placement that a partition was told of, if any, and how many of the tenant's counters in it are not settled. */
  knows(
    partition: number,
    tenantId: string,
  ): Promise<{ placement: Placement | null; unsettledCounters: number }>
  /**
   * Freezes a former home for the tenant. `left`: its counters there that were born by the time when it was frozen (null: by now)
   * and are not settled.
   */
  freeze(
    partition: number,
    tenantId: string,
    placement: Placement,
    frozenMs: number | null,
  ): Promise<{ nowMs: number; left: number } | { known: Placement }>
  /** The database whose own data says that it holds the partition. */
  holderOf(partition: number): Promise<string | null>
  /** Has the database say that it holds the partition. */
  claim(partition: number): Promise<void>
  /** Says how many partitions there are to whoever flushes next. */
  announce(partitions: number): Promise<void>
}
