// Changes a plan: its name, its prices, and whether it is the default one.

import { TollgateError } from '../kernel/errors.ts'
import { type AnnounceServices, announceConfig } from '../metering/announce-config.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { unknownMeters } from './create-plan.ts'
import type { PlanChange } from './plan.ts'
import type { PlanPatch, PlanStore, TenantPlan } from './ports.ts'

type Services = AnnounceServices & { catalog: Pick<PlanStore, 'findPlan' | 'changePlan'> }

export const noPlan = (key: string) => new TollgateError('not_found', `There is no plan "${key}".`)

/** Throws meaning_would_change for another currency, validation_failed for prices of unknown meters. */
export async function changePlan(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { key, change }: { key: string; change: PlanChange },
): Promise<TenantPlan> {
  const existing = await services.catalog.findPlan(tenant.tenantId, key)
  if (existing === null) throw noPlan(key)
  refuseCurrency(existing, change.currency)
  refuseNoDefault(existing, change.default)
  const patch: PlanPatch = {
    name: change.name,
    prices: change.prices,
    ...(change.default && { default: true }),
  }
  const outcome = await services.catalog.changePlan(tenant.tenantId, key, patch)
  if (outcome.kind === 'not_found') throw noPlan(key)
  if (outcome.kind === 'unknown_meters') throw unknownMeters(outcome.meters, change.prices ?? [])
  await announceConfig(services, tenant.tenantId, outcome.version)
  return { plan: outcome.plan, isDefault: outcome.isDefault }
}

function refuseCurrency({ plan }: TenantPlan, currency: string | undefined): void {
  if (currency === undefined || currency === plan.currency) return
  throw new TollgateError(
    'meaning_would_change',
    `The prices of "${plan.key}" are in ${plan.currency}. Create another plan in ${currency} (POST /api/v1/plans), and give it to your customers.`,
    { issues: [{ pointer: '#/currency', detail: `is "${plan.currency}", and can't be changed` }] },
  )
}

/** There is always a default plan: it is moved, not taken away. */
function refuseNoDefault({ isDefault }: TenantPlan, wanted: boolean | undefined): void {
  if (wanted !== false || !isDefault) return
  throw new TollgateError(
    'validation_failed',
    'This is the default plan. Make another one the default instead.',
    {
      issues: [{ pointer: '#/default', detail: 'must be true, until another plan is made the default' }],
    },
  )
}
