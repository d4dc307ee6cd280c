// What an invoice comes to, from an account and its usage. The same for a draft that is read and for one that is issued.

import { decimal } from '../../kernel/decimal.ts'
import type { Meter } from '../../metering/meter.ts'
import type { Account } from '../account.ts'
import type { Subscription } from '../subscriptions/subscription.ts'
import { type DraftFacts, periodAfter, type periodFrom } from './draft.ts'
import { discounted, feesAtEnd, feesOf } from './fees.ts'
import type { AdvanceLine, Invoice, InvoiceLine, Totals } from './invoice.ts'
import { adjustments, spansOfLateUsage } from './late-usage.ts'
import { shareOfDiscounts, totalsOf } from './totals.ts'
import { spansOfPeriod, type UsageOf, type UsageSpan, usageLines } from './usage-lines.ts'

export type ComputeFacts = DraftFacts & { meters: ReadonlyMap<string, Meter>; usageOf: UsageOf }

export type Computed = {
  lines: InvoiceLine[]
  totals: Totals
  /** the period that follows, and what is billed in advance for it; null: the subscription ends here */
  next: { period: ReturnType<typeof periodFrom>; advance: AdvanceLine[] } | null
}

/** The spans whose usage `computeInvoice` will ask for. */
export function spansOf(account: Account, subscription: Subscription, invoice: Invoice): UsageSpan[] {
  if (invoice.kind === 'opening') return []
  const late = spansOfLateUsage(account, subscription.id)
  return invoice.kind === 'trailing' ? late : [...spansOfPeriod(account, subscription, invoice), ...late]
}

export function computeInvoice(facts: ComputeFacts, invoice: Invoice): Computed {
  const { account, subscription, usageOf } = facts
  const next = nextOf(facts, invoice)
  const lines: InvoiceLine[] = [
    ...(invoice.kind === 'period'
      ? [...usageLines(account, subscription, invoice, facts), ...feesAtEnd(facts, invoice)]
      : []),
    ...(invoice.kind === 'opening' ? [] : adjustments(account, subscription.id, usageOf)),
    ...(next?.advance ?? []),
  ]
  const { totals, discountOf } = totalled(facts, lines, invoice.currency)
  const advance = next?.advance.map((line) => discounted(line, discountOf(line.amount)))
  return { lines, totals, next: next && { ...next, advance: advance! } }
}

/** What lines come to, and what coupons have taken off an amount that is charged by one of them. */
export function totalled(
  { account, subscription, nowMs }: DraftFacts,
  lines: InvoiceLine[],
  currency: string,
): { totals: Totals; discountOf: (amount: string) => string } {
  const [takenBack, charged] = [lines.filter(takesBack), lines.filter((line) => !takesBack(line))]
  const facts = {
    amounts: charged.map(({ amount }) => amount),
    takenBack: takenBack.map(({ amount }) => amount),
    currency,
    attached: subscription.coupons,
    coupons: account.coupons,
    taxRates: account.customer.taxRates,
    grants: account.grants,
    nowMs,
  }
  const totals = totalsOf(facts)
  return { totals, discountOf: (amount) => shareOfDiscounts(amount, totals, facts) }
}

/** Whether it gives back what an earlier invoice billed in advance. */
export const takesBack = (line: InvoiceLine): boolean =>
  line.kind === 'proration' && decimal(line.amount).lt('0')

function nextOf(facts: ComputeFacts, invoice: Invoice): Computed['next'] {
  const period = periodAfter(facts, invoice)
  if (period === null) return null
  return { period, advance: feesOf(facts, { ...period, currency: invoice.currency }, 'advance') }
}
