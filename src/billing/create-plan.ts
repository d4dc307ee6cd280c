// Creates a plan. Sending the same plan again is a success, so that a retry after a lost answer is one.

import { TollgateError } from '../kernel/errors.ts'
import { sameJson } from '../kernel/same-json.ts'
import { type AnnounceServices, announceConfig } from '../metering/announce-config.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { checkPrices, type PriceServices } from './check-prices.ts'
import type { PlanInput } from './plan.ts'
import { type NewPlan, PLANS_PER_TENANT, type PlanStore, type TenantPlan } from './ports.ts'
import { type PlanPrice, termNames, termsOf } from './terms.ts'

type Services = AnnounceServices & PriceServices & { catalog: Pick<PlanStore, 'createPlan'> }

/** Throws already_exists if the key has another content, validation_failed for prices of unknown meters and at the limit. */
export async function createPlan(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  input: PlanInput,
): Promise<TenantPlan & { created: boolean }> {
  const wanted: NewPlan = {
    key: input.key,
    name: input.name ?? null,
    currency: input.currency,
    terms: termsOf(input),
  }
  await checkPrices(services, tenant.tenantId, input.prices)
  const outcome = await services.catalog.createPlan(tenant.tenantId, wanted, input.default === true)
  if (outcome.kind === 'unknown_meters') throw unknownMeters(outcome.meters, input.prices)
  if (outcome.kind === 'too_many') {
    throw new TollgateError('validation_failed', `A tenant has ${PLANS_PER_TENANT} plans at most.`)
  }
  const { kind, plan, isDefault, configVersion } = outcome
  if (kind === 'exists') refuseOtherContent(outcome, wanted, input.default)
  await announceConfig(services, tenant.tenantId, configVersion)
  return { plan, isDefault, created: kind === 'created' }
}

function refuseOtherContent(
  { plan, isDefault }: TenantPlan,
  wanted: NewPlan,
  wantedDefault: boolean | undefined,
): void {
  const differing = [
    ...(['name', 'currency'] as const).filter((field) => plan[field] !== wanted[field]),
    ...termNames.filter((field) => !sameJson(plan.terms[field], wanted.terms[field])),
  ]
  const fields = [
    ...differing,
    ...(wantedDefault === undefined || wantedDefault === isDefault ? [] : ['default']),
  ]
  if (fields.length === 0) return
  throw new TollgateError(
    'already_exists',
    `There is a plan "${plan.key}" already, and it is another: ${fields.join(', ')}. To change it: PATCH /api/v1/plans/${plan.key}`,
    { issues: fields.map((field) => ({ pointer: `#/${field}`, detail: 'is another there' })) },
  )
}

export function unknownMeters(meters: string[], prices: PlanPrice[], at = '#/prices'): TollgateError {
  return new TollgateError(
    'validation_failed',
    'A price names a meter that there is not. Create the meter first.',
    {
      issues: prices.flatMap(({ meter }, index) =>
        meters.includes(meter)
          ? [
              {
                pointer: `${at}/${index}/meter`,
                detail: `must be the key of a meter; there is no "${meter}"`,
              },
            ]
          : [],
      ),
    },
  )
}
