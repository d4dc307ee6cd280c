// Changes a plan: its name, its terms, and whether it is the default one. New terms are a new version; who has subscribed to
// an older one stays on it.

import { TollgateError } from '../kernel/errors.ts'
import { sameJson } from '../kernel/same-json.ts'
import { type AnnounceServices, announceConfig } from '../metering/announce-config.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { checkPrices, type PriceServices } from './check-prices.ts'
import { unknownMeters } from './create-plan.ts'
import { INTERVAL_COUNT_MAX } from './interval.ts'
import type { PlanChange } from './plan.ts'
import type { PlanPatch, PlanStore, TenantPlan } from './ports.ts'
import { type Terms, termNames } from './terms.ts'

type Services = AnnounceServices & PriceServices & { catalog: Pick<PlanStore, 'findPlan' | 'changePlan'> }

export const noPlan = (key: string) => new TollgateError('not_found', `There is no plan "${key}".`)

const TRIES = 5

/** Throws meaning_would_change for another currency, validation_failed for prices of unknown meters. */
export async function changePlan(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  { key, change }: { key: string; change: PlanChange },
): Promise<TenantPlan> {
  await checkPrices(services, tenant.tenantId, change.prices ?? [])
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const existing = await services.catalog.findPlan(tenant.tenantId, key)
    if (existing === null) throw noPlan(key)
    refuseCurrency(existing, change.currency)
    refuseNoDefault(existing, change.default)
    const outcome = await services.catalog.changePlan(tenant.tenantId, key, patchOf(existing, change))
    if (outcome.kind === 'not_found') throw noPlan(key)
    if (outcome.kind === 'unknown_meters') throw unknownMeters(outcome.meters, change.prices ?? [])
    if (outcome.kind === 'changed') {
      await announceConfig(services, tenant.tenantId, outcome.configVersion)
      return { plan: outcome.plan, isDefault: outcome.isDefault }
    }
  }
  throw new TollgateError(
    'store_unavailable',
    'This plan is being changed by others at this moment. Send the same request again.',
    {
      retryAfterSeconds: 1,
    },
  )
}

function patchOf({ plan }: TenantPlan, change: PlanChange): PlanPatch {
  const terms = changedTerms(plan.terms, change)
  return {
    name: change.name,
    ...(!sameJson(terms, plan.terms) && { terms }),
    seenVersion: plan.version,
    ...(change.default && { default: true }),
  }
}

function changedTerms(terms: Terms, change: PlanChange): Terms {
  const sent = Object.fromEntries(
    termNames.flatMap((name) => (change[name] === undefined ? [] : [[name, change[name]]])),
  )
  const changed: Terms = { ...terms, ...sent }
  const most = INTERVAL_COUNT_MAX[changed.interval]
  if (changed.interval_count > most) {
    throw new TollgateError('validation_failed', 'A period is three years long at most.', {
      issues: [
        {
          pointer: '#/interval_count',
          detail: `must be at most ${most} with the interval ${changed.interval}`,
        },
      ],
    })
  }
  return changed
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
