// How every read of usage begins: with the live counters from Redis. Only then comes, in one statement, what Postgres has
// and which of those live segments it has already. In this order only: see the README of this folder.

import type { TenantConfig } from './meter.ts'
import type { CounterStore, LiveCounter, TenantConfigs, UsageStore } from './ports.ts'

export type ReadServices = {
  counters: CounterStore
  usage: UsageStore
  configs: TenantConfigs
}

/** The configuration that comes along is at least as new as the counters. Throws too_many_counters. */
export async function readLive(
  services: ReadServices,
  tenant: TenantConfig,
  customerIds: string[],
): Promise<{ config: TenantConfig; live: LiveCounter[] }> {
  const { configVersion, counters } = await services.counters.readLive(tenant.tenantId, customerIds)
  const config =
    configVersion !== null && configVersion > tenant.version
      ? await services.configs.reload(tenant.tenantId, { newerVersion: configVersion })
      : tenant
  return { config, live: counters }
}
