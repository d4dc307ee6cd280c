// How every read of usage begins: with the live counters from Redis. Only then comes, in one statement, what Postgres has
// and which of those live segments it has already. In this order only: see the README of this folder.

import { LOG_METER, TALLY_CUSTOMER } from './counter.ts'
import { listedIn } from './logged.ts'
import type { Meter, TenantConfig } from './meter.ts'
import type { CounterStore, LiveCounter, TenantConfigs, UncountedSegment, UsageStore } from './ports.ts'
import { readMeters } from './revision.ts'

export type ReadServices = {
  counters: Pick<CounterStore, 'readLive'>
  usage: Pick<UsageStore, 'totals' | 'spanTotals' | 'hourTotals' | 'incomplete'>
  configs: TenantConfigs
}

/**
 * `incomplete`: ids of the meters that do not hold all yet that they will hold of what was accepted before: they reach back, and
 * are being filled. What is read after this holds all of the others.
 */
export type Live = { config: TenantConfig; live: LiveCounter[]; incomplete: ReadonlySet<string> }

const NONE: ReadonlySet<string> = new Set()

/** The configuration that comes along is at least as new as the counters. Throws too_many_counters. */
export async function readLive(
  services: ReadServices,
  tenant: TenantConfig,
  customerIds: string[],
): Promise<Live> {
  const { tenantId } = tenant
  const ask = (config: TenantConfig) =>
    services.counters.readLive(
      tenantId,
      reachingBack(config).length > 0 ? [...customerIds, TALLY_CUSTOMER] : customerIds,
    )
  let { configVersion, counters } = await ask(tenant)
  const config =
    configVersion !== null && configVersion > tenant.version
      ? await services.configs.reload(tenantId, { newerVersion: configVersion })
      : tenant
  const meters = reachingBack(config)
  if (meters.length === 0) return { config, live: counters.filter(isUsage), incomplete: NONE }
  // A meter that reaches back was not known: without the lists nobody can tell what it lacks.
  if (reachingBack(tenant).length === 0) counters = (await ask(config)).counters
  const incomplete = await services.usage.incomplete(
    tenantId,
    readMeters(config).map(({ id }) => id),
    uncountedIn(counters, meters),
  )
  return { config, live: counters.filter(isUsage), incomplete }
}

const isUsage = ({ customerId }: LiveCounter): boolean => customerId !== TALLY_CUSTOMER

const reachingBack = (config: TenantConfig): Meter[] =>
  readMeters(config).filter(({ countsFromMs, archivedAt }) => countsFromMs !== null && archivedAt === null)

/** Of these meters, the segments that hold events of their types which they did not count. */
export function uncountedIn(
  counters: LiveCounter[],
  meters: Pick<Meter, 'id' | 'resourceType'>[],
): UncountedSegment[] {
  const found = new Map<string, UncountedSegment>()
  for (const counter of counters) {
    const list = counter.meter === LOG_METER ? listedIn(counter) : null
    if (list === null) continue
    for (const { id, resourceType } of meters)
      if (resourceType === list.resourceType && !list.meters.includes(id))
        found.set(`${counter.segment} ${id}`, { segment: counter.segment, meter: id })
  }
  return [...found.values()]
}
