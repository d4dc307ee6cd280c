// An invoice as it is now: a draft is computed from the usage of this instant, any other is as it was frozen.

import { TollgateError } from '../../kernel/errors.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import type { Account } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import type { BillingSettings } from '../settings.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { computeInvoice, spansOf } from './compute.ts'
import { draftFacts } from './draft.ts'
import type { Invoice } from './invoice.ts'
import { openedAgain } from './recount.ts'
import { type UsageServices, usageFor } from './usage-reader.ts'

export type InvoiceServices = UsageServices & {
  clock: () => number
  billing: BillingSettings
  accounts: Pick<AccountStore, 'findInvoice' | 'loadAccounts'>
}

export const noInvoice = (id: string) => new TollgateError('not_found', `There is no invoice ${id}.`)

export async function findInvoice(
  { accounts }: { accounts: Pick<AccountStore, 'findInvoice'> },
  tenantId: string,
  id: string,
): Promise<Invoice> {
  const found = await accounts.findInvoice(tenantId, id)
  if (found === null) throw noInvoice(id)
  return found
}

/** What is drafted is complete but for its number. */
export async function readInvoice(
  services: InvoiceServices,
  { tenant }: { tenant: TenantConfig },
  { id }: { id: string },
): Promise<Invoice> {
  const invoice = await findInvoice(services, tenant.tenantId, id)
  if (invoice.status !== 'draft') return invoice
  const asked = { recounted: true }
  const [found] = await services.accounts.loadAccounts(tenant.tenantId, [invoice.customerId], asked)
  const account = openedAgain(found!)
  const draft = account.invoices.find((one) => one.id === id)
  // It was issued between the two reads.
  if (draft?.status !== 'draft') return findInvoice(services, tenant.tenantId, id)
  const subscription = account.subscriptions.find((one) => one.id === draft.subscriptionId)!
  return computed(services, tenant, account, subscription, draft)
}

/** The draft with the lines and totals that it has at this instant. */
export async function computed(
  services: UsageServices & Pick<InvoiceServices, 'clock' | 'billing'>,
  tenant: TenantConfig,
  account: Account,
  subscription: Subscription,
  draft: Invoice,
): Promise<Invoice> {
  const nowMs = services.clock()
  const spans = spansOf(account, subscription, draft)
  const usage = await usageFor(services, tenant, [{ customerId: account.customerId, spans }])
  const { lines, totals } = computeInvoice(
    {
      ...draftFacts(services, { tenant, newId: () => draft.id }, { account, subscription, nowMs }),
      meters: usage.meters,
      usageOf: usage.of(account.customerId),
    },
    draft,
  )
  const { name, email } = account.customer
  return { ...draft, lines, totals, recipient: { name, email }, incomplete: usage.incomplete.size > 0 }
}
