// Makes a tenant, with its first API key and an empty default plan.

import type { ApiKey } from './api-key.ts'
import { DEFAULT_KEY_NAME, type KeySource, newKey } from './create-key.ts'
import { type LogServices, refuseUnlogged } from './kept-unmetered.ts'
import type { AccessStore } from './ports.ts'
import type { Tenant, TenantInput } from './tenant.ts'

/** The key of the plan that every tenant begins with. */
export const DEFAULT_PLAN = 'default'

type Services = LogServices & { access: Pick<AccessStore, 'createTenant'> }

/** `secret` is the key itself, which is stored nowhere. Throws validation_failed for `keep` where nothing is kept. */
export async function createTenant(
  services: Services,
  source: KeySource,
  input: TenantInput,
): Promise<{ tenant: Tenant; key: ApiKey; secret: string }> {
  refuseUnlogged(services, input.unmetered)
  const { secret, stored } = newKey(DEFAULT_KEY_NAME, source)
  const created = await services.access.createTenant({ id: source.newId(), ...input }, stored, DEFAULT_PLAN)
  return { ...created, secret }
}
