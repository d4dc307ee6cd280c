// Changes a tenant's settings. Its id, time zone and currency stay.

import { TollgateError } from '../kernel/errors.ts'
import { type AnnounceServices, announceConfig } from '../metering/announce-config.ts'
import { noTenant } from './create-key.ts'
import { type LogServices, refuseUnlogged } from './kept-unmetered.ts'
import type { AccessStore } from './ports.ts'
import type { Tenant, TenantChange } from './tenant.ts'

type Services = AnnounceServices & LogServices & { access: Pick<AccessStore, 'findTenant' | 'changeTenant'> }

/** Throws not_found, and validation_failed for a plan that there is not, or for `keep` where nothing is kept. */
export async function changeTenant(
  services: Services,
  { id, change }: { id: string; change: TenantChange },
): Promise<Tenant> {
  const { name, default_plan: defaultPlan, unmetered } = change
  const { event_log_days: eventLogDays, dedupe_window_hours: dedupeWindowHours } = change
  refuseUnlogged(services, unmetered)
  if (Object.values(change).every((one) => one === undefined)) {
    const tenant = await services.access.findTenant(id)
    if (tenant === null) throw noTenant(id)
    return tenant
  }
  const outcome = await services.access.changeTenant(id, {
    ...(name !== undefined && { name }),
    ...(defaultPlan !== undefined && { defaultPlan }),
    ...(unmetered !== undefined && { unmetered }),
    ...(eventLogDays !== undefined && { eventLogDays }),
    ...(dedupeWindowHours !== undefined && { dedupeWindowHours }),
  })
  if (outcome.kind === 'not_found') throw noTenant(id)
  if (outcome.kind === 'no_plan') throw noSuchPlan(defaultPlan!)
  await announceConfig(services, id, outcome.configVersion)
  return outcome.tenant
}

const noSuchPlan = (key: string) =>
  new TollgateError('validation_failed', `There is no plan "${key}".`, {
    issues: [
      { pointer: '#/default_plan', detail: 'must be the key of a plan of the tenant: see GET /api/v1/plans' },
    ],
  })
