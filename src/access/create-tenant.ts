// Makes a tenant, with its first API key and an empty default plan.

import type { ApiKey } from './api-key.ts'
import { DEFAULT_KEY_NAME, type KeySource, newKey } from './create-key.ts'
import { type LogServices, refuseUnlogged } from './kept-unmetered.ts'
import type { AccessStore } from './ports.ts'
import type { Tenant, TenantInput } from './tenant.ts'

/** The key of the plan that every tenant begins with. */
export const DEFAULT_PLAN = 'default'

type Services = LogServices & {
  access: Pick<AccessStore, 'createTenant'>
  /** the partition of a new tenant, which may be named */
  placeNew(named?: number): Promise<number>
}

/** `secret` is the key itself, which is stored nowhere. Throws validation_failed for `keep` where nothing is kept. */
export async function createTenant(
  services: Services,
  source: KeySource,
  input: TenantInput,
): Promise<{ tenant: Tenant; key: ApiKey; secret: string }> {
  refuseUnlogged(services, input.unmetered)
  const { secret, stored } = newKey(DEFAULT_KEY_NAME, source)
  const partition = await services.placeNew(input.partition)
  const { event_log_days: eventLogDays, dedupe_window_hours: dedupeWindowHours, ...rest } = input
  const tenant = {
    ...{ id: source.newId(), ...rest, partition },
    ...(eventLogDays !== undefined && { eventLogDays }),
    ...(dedupeWindowHours !== undefined && { dedupeWindowHours }),
  }
  const created = await services.access.createTenant(tenant, stored, DEFAULT_PLAN)
  return { ...created, secret }
}
