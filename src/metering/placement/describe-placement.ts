// A tenant's placement as the operator sees it: with what waits in former homes, and until when they are asked.

import type { FormerHome, Placement } from './placement.ts'
import type { HomePartitions, PlacementStore } from './ports.ts'

export type DescribedPlacement = Pick<Placement, 'home' | 'spreadBy'> & {
  former: (FormerHome & {
    /** null: it is not known yet when it was frozen */
    untilMs: number | null
    /** null: its database can't be reached */
    unsettledCounters: number | null
  })[]
}

export type DescribeServices = {
  placementStore: PlacementStore
  homes: HomePartitions
  /** how long after it was frozen a former home is asked, of a tenant that has this window (null: as the installation has it) */
  formerKeptMs: (windowMs: number | null) => number
}

/** Throws not_found. */
export async function describePlacement(
  services: DescribeServices,
  tenantId: string,
): Promise<DescribedPlacement> {
  return await described(services, tenantId, await services.placementStore.loadPlacement(tenantId))
}

export async function described(
  { homes, placementStore, formerKeptMs }: DescribeServices,
  tenantId: string,
  { home, spreadBy, former }: Placement,
): Promise<DescribedPlacement> {
  const keptMs = former.length === 0 ? 0 : formerKeptMs(await placementStore.windowOf(tenantId))
  const withLoad = await Promise.all(
    former.map(async (one) => {
      const known = await homes.knows(one.partition, tenantId).catch(() => null)
      return {
        ...one,
        untilMs: one.frozenMs === null ? null : one.frozenMs + keptMs,
        unsettledCounters: known?.unsettledCounters ?? null,
      }
    }),
  )
  return { home, spreadBy, former: withLoad }
}
