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
  const issued = decided.invoices.filter(isIssuedBy)
  // What is issued here has no number yet: what comes late to it, while this is read, is no matter of the draft.
  const final = decided.invoices.map((one) => (isIssuedBy(one) ? { ...one, usageFinal: true } : one))
  const account = changedBy(onAccount(found!, plan, []), { ...decided, invoices: final })
  const subscription = decided.subscriptions[0]!
  const facts = draftFacts(services, caller, { account, subscription, nowMs: services.clock() })
  const invoice = await computed(services, tenant, account, subscription, openInvoice(facts))
  return { subscription, issued, invoice }
}

/** By the change itself: it would get its number when it is written. */
const isIssuedBy = ({ issuedMs, number }: Invoice): boolean => issuedMs !== null && number === null
