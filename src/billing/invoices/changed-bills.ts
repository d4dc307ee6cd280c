// Which bills of some customers come to something else by another usage: issued invoices are rated again as adjustments are,
// drafts as they are read, and the month of a customer without a subscription as its bill is.

import { roundedAmount } from '../../kernel/currency.ts'
import { type Decimal, decimal, sum } from '../../kernel/decimal.ts'
import type { BillEffect, CustomerEffect } from '../../log/effect.ts'
import type { Meter, TenantConfig } from '../../metering/meter.ts'
import type { Account } from '../account.ts'
import type { AccountStore, ReachedSpan } from '../account-ports.ts'
import { matchesOf, partsOf, ratedPart } from '../charge.ts'
import { periodOf } from '../period.ts'
import type { PlanStore } from '../ports.ts'
import type { BillingSettings } from '../settings.ts'
import { computeInvoice } from './compute.ts'
import { draftFacts } from './draft.ts'
import type { Invoice } from './invoice.ts'
import { billedCharges, ratedNow, spanOf } from './late-usage.ts'
import { type Reopening, reopened } from './recount.ts'
import { spansOfPeriod, type UsageOf, type UsageSpan } from './usage-lines.ts'
import type { Needed, Usage } from './usage-reader.ts'

export type BillsServices = {
  clock: () => number
  billing: BillingSettings
  accounts: Pick<AccountStore, 'loadAccounts' | 'invoicesReached'>
  catalog: Pick<PlanStore, 'plansOfCustomers'>
}

/** What may be another usage, and how it is read as it is, and as it would be. */
export type Proposed = {
  customerIds: string[]
  reached: ReachedSpan[]
  before: (needed: Needed[]) => Promise<Usage>
  after: (needed: Needed[]) => Promise<Usage>
}

/** Something that is billed, and what it comes to by some usage. */
type Billed = {
  customerId: string
  currency: string
  head: Pick<BillEffect, 'invoiceId' | 'number' | 'startMs' | 'endMs'>
  spans: UsageSpan[]
  amount: (usageOf: UsageOf, meters: ReadonlyMap<string, Meter>) => Decimal
}

/** Those of the customers whose bills come to something else, in their order. */
export async function changedBills(
  services: BillsServices,
  tenant: TenantConfig,
  { customerIds, reached, before: readBefore, after: readAfter }: Proposed,
): Promise<CustomerEffect[]> {
  const [accounts, issued] = await Promise.all([
    services.accounts.loadAccounts(tenant.tenantId, customerIds),
    services.accounts.invoicesReached(tenant.tenantId, reached),
  ])
  const billed = [
    ...issued.map((invoice) => issuedBill(invoice, reached)),
    ...accounts.flatMap((account) => draftBills(services, tenant, account)),
    ...(await monthBills(services, tenant, accounts)),
  ].filter((one) =>
    one.spans.some((span) => reached.some((touched) => touches(touched, one.customerId, span))),
  )
  if (billed.length === 0) return []
  const needed = billed.map(({ customerId, spans }) => ({ customerId, spans }))
  const before = await readBefore(needed)
  const after = await readAfter(needed)
  const effects = billed.map((one) => {
    const money = ({ of, meters }: typeof before) =>
      roundedAmount(one.amount(of(one.customerId), meters), one.currency)
    return { ...one, effect: { ...one.head, amountBefore: money(before), amountAfter: money(after) } }
  })
  const changing = effects.filter(({ effect }) => effect.amountBefore !== effect.amountAfter)
  return [...Map.groupBy(changing, ({ customerId }) => customerId)]
    .map(([customerId, all]) => ({
      customerId,
      currency: all[0]!.currency,
      bills: all.map(({ effect }) => effect),
    }))
    .sort((x, y) => (x.customerId < y.customerId ? -1 : 1))
}

const touches = (touched: ReachedSpan, customerId: string, { meter, fromMs, toMs }: UsageSpan): boolean =>
  touched.customerId === customerId &&
  touched.meter === meter &&
  touched.fromMs < toMs &&
  fromMs < (touched.toMs ?? Number.POSITIVE_INFINITY)

/** What the invoice comes to if the lines that are reached are rated again; what was late to the others is no matter here. */
function issuedBill(invoice: Invoice, reached: ReachedSpan[]): Billed {
  const theirs: Reopening[] = reached
    .filter(({ customerId }) => customerId === invoice.customerId)
    .map((span) => ({ ...span, correctionId: null }))
  const opened = reopened({ ...invoice, usageFinal: true }, theirs)
  const charges = billedCharges(opened)
  return {
    customerId: invoice.customerId,
    currency: invoice.currency,
    head: headOf(invoice),
    spans: charges.map(spanOf),
    amount: (usageOf) => {
      const differences = charges.flatMap((charge) => {
        const used = usageOf(spanOf(charge))
        return charge.map(({ line }, part) =>
          decimal(ratedNow(invoice, line, used[part]!).rated.amount).minus(line.amount),
        )
      })
      return sum([decimal(invoice.totals!.subtotal), ...differences])
    },
  }
}

const headOf = ({ id, number, startMs, endMs }: Invoice): Billed['head'] => ({
  invoiceId: id,
  number,
  startMs,
  endMs,
})

/** The drafts of the account's subscriptions. */
function draftBills(services: BillsServices, tenant: TenantConfig, account: Account): Billed[] {
  const nowMs = services.clock()
  return account.subscriptions.flatMap((subscription) => {
    const draft = account.invoices.find(({ id }) => id === subscription.open?.invoiceId)
    if (draft?.kind !== 'period') return []
    // Without what it adjusts of others: that is theirs.
    const alone = { ...account, invoices: [] }
    const found = { account: alone, subscription, nowMs }
    const facts = draftFacts(services, { tenant, newId: () => draft.id }, found)
    return {
      customerId: account.customerId,
      currency: draft.currency,
      head: headOf(draft),
      spans: spansOfPeriod(alone, subscription, draft),
      amount: (usageOf, meters) =>
        decimal(computeInvoice({ ...facts, meters, usageOf }, draft).totals.subtotal),
    }
  })
}

/** What customers without a subscription are billed for this month, by their plans. */
async function monthBills(
  services: BillsServices,
  { tenantId, timezone }: TenantConfig,
  accounts: Account[],
): Promise<Billed[]> {
  const names = accounts
    .filter(({ subscriptions }) => subscriptions.every(({ open }) => open === null))
    .map(({ customerId }) => customerId)
  if (names.length === 0) return []
  const { startMs, endMs } = periodOf({}, timezone, services.clock())
  const plans = await services.catalog.plansOfCustomers(tenantId, names)
  return [...plans].map(([customerId, { plan }]) => {
    const { terms, currency } = plan
    const charges = terms.prices.map((price) => ({
      price,
      span: { meter: price.meter, fromMs: startMs, toMs: endMs, matches: matchesOf(price) },
    }))
    const amounts = (usageOf: UsageOf) =>
      charges.flatMap(({ price, span }) => {
        const used = usageOf(span)
        return partsOf(price).map((part, i) => decimal(ratedPart(part.price, used[i]!, currency).amount))
      })
    return {
      customerId,
      currency,
      head: { invoiceId: null, number: null, startMs, endMs },
      spans: charges.map(({ span }) => span),
      amount: (usageOf) => sum(amounts(usageOf)),
    }
  })
}
