// Changes a customer. One that only its usage knows is created by it: to read it and to change it are the same id.

import { TollgateError } from '../kernel/errors.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { noSuchPlan } from './create-customer.ts'
import { type Customer, type CustomerChange, METADATA_KEYS } from './customer.ts'
import { type FindServices, findCustomer, noCustomer } from './find-customer.ts'
import type { AccessStore } from './ports.ts'

type Services = FindServices & { access: Pick<AccessStore, 'findCustomer' | 'changeCustomer'> }

/** Throws not_found, and validation_failed for an unknown plan or too much metadata. */
export async function changeCustomer(
  services: Services,
  caller: { tenant: TenantConfig },
  { customerId, change }: { customerId: string; change: CustomerChange },
): Promise<Customer> {
  const { tenantId } = caller.tenant
  let outcome = await services.access.changeCustomer(tenantId, customerId, change, false)
  if (outcome.kind === 'not_found') {
    await findCustomer(services, caller, { customerId })
    outcome = await services.access.changeCustomer(tenantId, customerId, change, true)
  }
  switch (outcome.kind) {
    case 'changed':
      return outcome.customer
    case 'not_found':
      throw noCustomer(customerId)
    case 'no_plan':
      throw noSuchPlan(change.plan)
    case 'too_much_metadata':
      throw new TollgateError(
        'validation_failed',
        `A customer has ${METADATA_KEYS} names in its metadata at most.`,
        {
          issues: [
            {
              pointer: '#/metadata',
              detail: 'would have too many: send null for those that are no longer needed',
            },
          ],
        },
      )
  }
}
