// Placements where none are kept: every tenant is where it was put when it was made, in one database.

import { firstPartitions, MAIN } from './partition-list.ts'
import { firstPlacement, partitionOf } from './placement.ts'
import type { PartitionDirectory, Placements } from './ports.ts'

export const unmovedTenants = (partitions: number): Placements => ({
  of: async (tenantId) => firstPlacement(partitionOf(tenantId, partitions)),
  learn: async (tenantId) => {
    throw new Error(`Tenant ${tenantId} was moved, and no placements are kept here`)
  },
})

export const oneDatabase = (partitions: number): PartitionDirectory => ({
  list: async () => firstPartitions(partitions),
  findAll: async () => firstPartitions(partitions),
  databaseOf: async () => MAIN,
  thereAre: () => {},
  forget: () => {},
})
