// What customers would have paid in a past period on a plan, beside what they did pay. Nothing is stored.

import { roundedAmount } from '../kernel/currency.ts'
import { decimal, sum } from '../kernel/decimal.ts'
import { rfc3339 } from '../kernel/time.ts'
import type { TenantConfig } from '../metering/meter.ts'
import { type Account, noAccount } from './account.ts'
import type { AccountStore } from './account-ports.ts'
import { daysBetween } from './interval.ts'
import { draftFacts, draftOf } from './invoices/draft.ts'
import { feesOf } from './invoices/fees.ts'
import { type Invoice, type InvoiceLine, invoiceNumber } from './invoices/invoice.ts'
import { spansOfPeriod, usageLines } from './invoices/usage-lines.ts'
import { type UsageServices, usageFor } from './invoices/usage-reader.ts'
import type { BillingSettings } from './settings.ts'
import type { Subscription } from './subscriptions/subscription.ts'
import type { Terms } from './terms.ts'

export type ReplayServices = UsageServices & {
  billing: BillingSettings
  accounts: Pick<AccountStore, 'invoicesWithin'>
}

export type Replayed = {
  customerId: string
  lines: InvoiceLine[]
  /** sum of the lines */
  wouldPay: string
  /** sum of the subtotals of its invoices of periods that ended within the period; null: there is none */
  didPay: string | null
  invoices: string[]
}

type Period = { startMs: number; endMs: number }

/** The period counts as one period of the plan, with its fees in full. In the order of `customerIds`. */
export async function replayPlan(
  services: ReplayServices,
  tenant: TenantConfig,
  {
    terms,
    currency,
    customerIds,
    period,
  }: { terms: Terms; currency: string; customerIds: string[]; period: Period },
): Promise<Replayed[]> {
  const imagined = customerIds.map((customerId) =>
    imagine(services, tenant, { terms, currency, customerId, period }),
  )
  const invoices = await services.accounts.invoicesWithin(tenant.tenantId, customerIds, period)
  const usage = await usageFor(
    services,
    tenant,
    imagined.map(({ account, subscription, invoice }) => ({
      customerId: account.customerId,
      spans: spansOfPeriod(account, subscription, invoice),
    })),
    { history: true },
  )
  return imagined.map(({ account, subscription, invoice }) => {
    const { customerId } = account
    const facts = { account, subscription, timezone: tenant.timezone }
    const lines = [
      ...usageLines(account, subscription, invoice, { usageOf: usage.of(customerId), meters: usage.meters }),
      ...feesOf(facts, invoice, 'arrears'),
      ...feesOf(facts, invoice, 'advance'),
    ]
    const paid = invoices.filter((one) => one.customerId === customerId && one.currency === currency)
    return {
      customerId,
      lines,
      wouldPay: total(
        lines.map(({ amount }) => amount),
        currency,
      ),
      didPay:
        paid.length === 0
          ? null
          : total(
              paid.map(({ totals }) => totals!.subtotal),
              currency,
            ),
      invoices: paid.map(({ number }) => invoiceNumber(number!)),
    }
  })
}

const total = (amounts: string[], currency: string): string =>
  roundedAmount(sum(amounts.map(decimal)), currency)

/** A customer on this plan for just this period. */
function imagine(
  services: ReplayServices,
  tenant: TenantConfig,
  {
    terms,
    currency,
    customerId,
    period,
  }: { terms: Terms; currency: string; customerId: string; period: Period },
): { account: Account; subscription: Subscription; invoice: Invoice } {
  const { startMs, endMs } = period
  const id = '00000000-0000-0000-0000-000000000000'
  const phase = {
    fromMs: startMs,
    plan: 'replayed',
    version: 1,
    overrides: [],
    anchorDate: rfc3339(startMs).slice(0, 10),
  }
  const subscription: Subscription = {
    id,
    customerId,
    startMs,
    anchor: 'calendar',
    trialEndMs: null,
    cancelAtMs: null,
    phases: [phase],
    coupons: [],
    metadata: {},
    dueMs: null,
    open: null,
    nextSequence: 0,
    createdMs: startMs,
  }
  const account: Account = {
    ...noAccount(tenant.tenantId, customerId),
    currency,
    subscriptions: [subscription],
    terms: [{ plan: phase.plan, version: phase.version, terms }],
  }
  const fullDays = Math.max(1, daysBetween(startMs, endMs))
  const whole = { kind: 'period' as const, startMs, endMs, fullStartMs: startMs, fullEndMs: endMs, fullDays }
  const facts = draftFacts(services, { tenant, newId: () => id }, { account, subscription, nowMs: startMs })
  return { account, subscription, invoice: draftOf(facts, whole) }
}
