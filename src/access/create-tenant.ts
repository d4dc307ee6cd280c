// Makes a tenant, with its first API key and an empty default plan.

import { newId } from '../kernel/ids.ts'
import type { ApiKey } from './api-key.ts'
import { DEFAULT_KEY_NAME, newKey } from './create-key.ts'
import type { AccessStore } from './ports.ts'
import type { Tenant, TenantInput } from './tenant.ts'

/** The key of the plan that every tenant begins with. */
export const DEFAULT_PLAN = 'default'

type Services = { access: Pick<AccessStore, 'createTenant'> }

/** `secret` is the key itself, which is stored nowhere. */
export async function createTenant(
  services: Services,
  input: TenantInput,
): Promise<{ tenant: Tenant; key: ApiKey; secret: string }> {
  const { secret, stored } = newKey(DEFAULT_KEY_NAME)
  const created = await services.access.createTenant({ id: newId(), ...input }, stored, DEFAULT_PLAN)
  return { ...created, secret }
}
