// The job that ends moves: it freezes former homes that their mover did not come to freeze, and lets those go in which nothing is
// needed any more.

import type { NewId } from '../../kernel/ids.ts'
import { knownLater, type MoveServices } from './move-tenant.ts'
import { type FormerHome, type Placement, without } from './placement.ts'

export type TendReport = { frozen: number; dropped: number; failed: { tenantId: string; reason: unknown }[] }

const TENANTS_PER_PAGE = 100
/** Clocks of a database and of what takes its place after a failover are no further apart. */
const CLOCKS_APART_MS = 60_000

/** A tenant that fails holds up no other. */
export async function tendFormer(services: MoveServices, newId: NewId): Promise<TendReport> {
  const report: TendReport = { frozen: 0, dropped: 0, failed: [] }
  for (let after: string | null = null; ; ) {
    const page: { tenantId: string; placement: Placement }[] =
      await services.placementStore.tenantsWithFormer(after, TENANTS_PER_PAGE)
    for (const { tenantId, placement } of page)
      await tendTenant(services, newId, tenantId, placement, report).catch((reason) =>
        report.failed.push({ tenantId, reason }),
      )
    if (page.length < TENANTS_PER_PAGE) return report
    after = page.at(-1)!.tenantId
  }
}

async function tendTenant(
  services: MoveServices,
  newId: NewId,
  tenantId: string,
  seen: Placement,
  report: TendReport,
): Promise<void> {
  const done: FormerHome[] = []
  const keptMs = services.formerKeptMs(await services.placementStore.windowOf(tenantId))
  for (const former of seen.former) {
    // Again and again: a database that failed over may have forgotten it.
    // Of one that is a home, too, only what is from before counts; of another, whatever a server wrote that went by an old placement.
    const upToMs = seen.home.includes(former.partition) ? former.frozenMs : null
    const state = await services.homes.freeze(former.partition, tenantId, seen, upToMs)
    if ('known' in state) return await services.placements.learn(tenantId, state.known)
    if (former.frozenMs === null) {
      const { partition, by } = former
      await services.placementStore.noteFrozen(tenantId, { partition, by, frozenMs: state.nowMs })
      report.frozen++
    } else if (isDone(former.frozenMs, state, keptMs)) done.push(former)
  }
  if (done.length === 0) return
  const later = await knownLater(services, tenantId, seen)
  if (later !== null) return await services.placements.learn(tenantId, later)
  if (await services.placementStore.writePlacement(tenantId, seen, without(seen, done, newId())))
    report.dropped += done.length
}

const isDone = (frozenMs: number, { nowMs, left }: { nowMs: number; left: number }, keptMs: number) =>
  left === 0 && nowMs - frozenMs > keptMs + CLOCKS_APART_MS
