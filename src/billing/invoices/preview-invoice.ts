// What an invoice would be: of a subscription that does not exist, or after a change that is not made. Nothing is stored.

import { changedBy } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import type { Caller } from '../changing-account.ts'
import { decidedChange, planForChange } from '../subscriptions/change-subscription.ts'
import { onAccount, type SubscriptionServices, subscriptionOf } from '../subscriptions/create-subscription.ts'
import { findSubscription } from '../subscriptions/find-subscription.ts'
import { firstBilledMs, type Subscription } from '../subscriptions/subscription.ts'
import type { PlanChangeInput, SubscriptionInput } from '../subscriptions/subscription-input.ts'
import { openInvoice } from './close.ts'
import { draftFacts, draftOf, periodFrom } from './draft.ts'
import { feesOf } from './fees.ts'
import type { Invoice } from './invoice.ts'
import { computed } from './read-invoice.ts'
import type { UsageServices } from './usage-reader.ts'

type Services = UsageServices & SubscriptionServices & { accounts: Pick<AccountStore, 'loadAccounts'> }

/** The invoice of the first period (after the trial, or what is history) of such a subscription, as its usage is now. */
export async function previewInvoice(
  services: Services,
  caller: Caller,
  input: SubscriptionInput,
): Promise<Invoice> {
  const { tenant } = caller
  const { subscription, plan, coupons } = await subscriptionOf(services, caller, input)
  const [found] = await services.accounts.loadAccounts(tenant.tenantId, [input.customer_id])
  const account = { ...onAccount(found!, plan, coupons), subscriptions: [], invoices: [] }
  const facts = draftFacts(services, caller, { account, subscription, nowMs: services.clock() })
  const period = periodFrom(facts, firstBilledMs(subscription))
  const advance = feesOf(facts, { ...period, currency: plan.currency }, 'advance')
  const draft = draftOf(facts, period, advance)
  return computed(services, tenant, account, subscription, draft)
}

/** The subscription as it would be, what would be invoiced at once, and the draft as it would stand then. */
export async function previewChange(
  services: Services,
  caller: Caller,
  { id, change }: { id: string; change: PlanChangeInput },
): Promise<{ subscription: Subscription; issued: Invoice[]; invoice: Invoice }> {
  const { tenant } = caller
  const { customerId } = await findSubscription(services, tenant.tenantId, id)
  const plan = await planForChange(services, caller, change)
  const [found] = await services.accounts.loadAccounts(tenant.tenantId, [customerId])
  const decided = await decidedChange(services, caller, found!, { id, plan, change })
  const account = changedBy(onAccount(found!, plan, []), decided)
  const subscription = decided.subscriptions[0]!
  const facts = draftFacts(services, caller, { account, subscription, nowMs: services.clock() })
  const invoice = await computed(services, tenant, account, subscription, openInvoice(facts))
  const issued = decided.invoices.filter(({ issuedMs, number }) => issuedMs !== null && number === null)
  return { subscription, issued, invoice }
}
