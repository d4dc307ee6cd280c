// Creates a customer. Sending the same customer again is a success, so that a retry after a lost answer is one.

import { TollgateError } from '../kernel/errors.ts'
import { sameJson } from '../kernel/same-json.ts'
import type { TenantConfig } from '../metering/meter.ts'
import type { Customer, CustomerInput } from './customer.ts'
import type { AccessStore } from './ports.ts'

type Services = { access: Pick<AccessStore, 'createCustomer'> }

export const noSuchPlan = (key: string | null | undefined) =>
  new TollgateError('validation_failed', `There is no plan "${key}".`, {
    issues: [{ pointer: '#/plan', detail: 'must be the key of a plan: see GET /api/v1/plans' }],
  })

/** Throws already_exists if the id has another content. */
export async function createCustomer(
  services: Services,
  { tenant }: { tenant: TenantConfig },
  input: CustomerInput,
): Promise<{ customer: Customer; created: boolean }> {
  const { customer_id: customerId, name, email, plan, metadata, tax_rates: taxRates } = input
  const wanted = { customerId, name, email, plan, metadata, taxRates }
  const outcome = await services.access.createCustomer(tenant.tenantId, wanted)
  if (outcome.kind === 'no_plan') throw noSuchPlan(plan)
  const { customer } = outcome
  const fields = (['name', 'email', 'plan', 'metadata', 'taxRates'] as const).filter(
    (field) => !sameJson(customer[field], wanted[field]),
  )
  if (fields.length > 0) {
    throw new TollgateError(
      'already_exists',
      `There is a customer "${customerId}" already, and it is another: ${fields.join(', ')}. To change it: PATCH /api/v1/customers/${encodeURIComponent(customerId)}`,
      {
        issues: fields.map((field) => ({
          pointer: `#/${field === 'taxRates' ? 'tax_rates' : field}`,
          detail: `is ${JSON.stringify(customer[field])} there`,
        })),
      },
    )
  }
  return { customer, created: outcome.kind === 'created' }
}
