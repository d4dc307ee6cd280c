// The counters in their databases, and the placements and partitions in Postgres, put together.

import { PLACEMENT_MAX_AGE_MS, PlacementCache } from '../access/placement-cache.ts'
import type { Limits } from '../metering/limits.ts'
import { PartitionList } from '../metering/placement/partition-list.ts'
import { type Placing, placing } from '../metering/placement/placing.ts'
import type { Db } from './postgres/db.ts'
import { PostgresPartitionStore } from './postgres/partition-store.ts'
import { PostgresPlacementStore } from './postgres/placement-store.ts'
import { RedisCounterStore } from './redis/counter-store.ts'
import { type Database, Databases } from './redis/databases.ts'
import { RedisHomes } from './redis/homes.ts'
import type { Recording } from './redis/recording.ts'

export type PlacedStores = { counters: RedisCounterStore; placements: PlacementCache } & Placing

/** What it takes to know an id for as long as it may be retried by whoever still asks elsewhere. */
const keptMs = (limits: Limits, windowMs: number | null): number =>
  Math.max(windowMs ?? limits.dedupeWindowMs, limits.keepSettledMs) + PLACEMENT_MAX_AGE_MS

type PlacingOptions = {
  /** how many partitions the installation began with */
  first: number
  recording: Recording
  clock: () => number
  newNonce?: () => string
}

export function placedStores(
  databases: Record<string, Database>,
  db: Db,
  limits: Limits,
  { first, recording, clock, newNonce }: PlacingOptions,
): PlacedStores {
  const placementStore = new PostgresPlacementStore(db, first)
  const partitionStore = new PostgresPartitionStore(db)
  const directory = new PartitionList(partitionStore, first, clock, (partition) => all.holderOf(partition))
  const all = new Databases(databases, directory, first)
  const placements = new PlacementCache(placementStore, first, clock, newNonce)
  const counters = new RedisCounterStore(all, placements, limits, recording)
  const homes = new RedisHomes(all)
  const parts = {
    ...{ placementStore, partitionStore, directory, placements, homes, counters, clock },
    firstPartitions: first,
    formerKeptMs: (windowMs: number | null) => keptMs(limits, windowMs),
  }
  return { ...parts, ...placing(parts), placements }
}
