// A customer's billing account: everything that a decision about its subscriptions, invoices and credit needs, read in one
// statement, and what a decision changes, written in one. The version says whether anybody was faster: then nothing is
// written, and the decision is made again. So whatever runs twice, or at once, happens once.

import type { TaxRate } from '../access/customer.ts'
import { decimal } from '../kernel/decimal.ts'
import type { Coupon } from './coupon.ts'
import type { CreditEntry, CreditNote, Grant, OpenGrant, StoredNote } from './credit/credit.ts'
import type { Invoice } from './invoices/invoice.ts'
import type { Recount } from './invoices/recount.ts'
import type { Subscription } from './subscriptions/subscription.ts'
import type { Terms } from './terms.ts'

export type PlanTerms = { plan: string; version: number; terms: Terms }

export type Account = {
  tenantId: string
  customerId: string
  /** 0: there is none yet */
  version: number
  /** ISO 4217, of all its subscriptions, invoices and credit; null: not known yet */
  currency: string | null
  /** those that may still be billed; and those that were asked for */
  subscriptions: Subscription[]
  /** drafts, and issued ones that late events may still reach; and those that were asked for */
  invoices: Invoice[]
  /** with something left, or less than nothing */
  grants: OpenGrant[]
  /** every version that a phase names */
  terms: PlanTerms[]
  /** every coupon that is attached */
  coupons: Coupon[]
  /** of the invoices that were asked for, in the order of their numbers */
  creditNotes: StoredNote[]
  /** usage that was counted anew, and for which invoices are still to be opened again */
  recounts: Recount[]
  customer: { name: string | null; email: string | null; taxRates: TaxRate[] }
}

/** Nothing is known of it yet. */
export const noAccount = (tenantId: string, customerId: string): Account => ({
  tenantId,
  customerId,
  version: 0,
  currency: null,
  subscriptions: [],
  invoices: [],
  grants: [],
  terms: [],
  coupons: [],
  creditNotes: [],
  recounts: [],
  customer: { name: null, email: null, taxRates: [] },
})

/** What is written: whole rows, new or in place of the one with the same id. */
export type AccountChange = {
  customerId: string
  seenVersion: number
  currency: string | null
  subscriptions: Subscription[]
  /** one without a number that is no draft gets the tenant's next one */
  invoices: Invoice[]
  grants: Grant[]
  entries: CreditEntry[]
  creditNotes: CreditNote[]
  /** ids of those that are taken in with it, and go */
  recounts: number[]
}

export const unchanged = ({ customerId, version, currency }: Account): AccountChange => ({
  customerId,
  seenVersion: version,
  currency,
  subscriptions: [],
  invoices: [],
  grants: [],
  entries: [],
  creditNotes: [],
  recounts: [],
})

/** One change after another: of what both write, what the later one does. */
export const together = (first: AccountChange, then: AccountChange): AccountChange => ({
  ...then,
  subscriptions: replaced(first.subscriptions, then.subscriptions),
  // In the order in which they are issued, as they get their numbers in this order: a draft that is issued goes to the end.
  invoices: replaced(withoutDrafts(first.invoices, then.invoices), then.invoices),
  grants: [...first.grants, ...then.grants],
  entries: [...first.entries, ...then.entries],
  creditNotes: [...first.creditNotes, ...then.creditNotes],
  recounts: [...first.recounts, ...then.recounts],
})

/** The account as the change leaves it: what it issues still has no number, which is given when it is written. */
export const changedBy = (account: Account, change: AccountChange): Account => ({
  ...account,
  subscriptions: replaced(account.subscriptions, change.subscriptions),
  invoices: replaced(account.invoices, change.invoices),
  grants: drawn(
    [...account.grants, ...change.grants.map((grant) => ({ ...grant, remaining: '0' }))],
    change.entries,
  ),
})

const withoutDrafts = (invoices: Invoice[], rewritten: Invoice[]): Invoice[] => {
  const ids = new Set(rewritten.map(({ id }) => id))
  return invoices.filter(({ id, status }) => status !== 'draft' || !ids.has(id))
}

const replaced = <Item extends { id: string }>(items: Item[], by: Item[]): Item[] => [
  ...new Map([...items, ...by].map((item) => [item.id, item])).values(),
]

export function drawn(grants: OpenGrant[], entries: CreditEntry[]): OpenGrant[] {
  return grants.map((grant) => {
    const changes = entries.filter(({ grantId }) => grantId === grant.id)
    const remaining = changes.reduce((left, { amount }) => left.plus(amount), decimal(grant.remaining))
    return { ...grant, remaining: remaining.toFixed() }
  })
}

export function termsOfPhase({ terms }: Account, phase: { plan: string; version: number }): Terms {
  const found = terms.find(({ plan, version }) => plan === phase.plan && version === phase.version)
  if (found) return found.terms
  throw new Error(`An account lacks version ${phase.version} of the plan ${phase.plan}`)
}
