// What billing needs of Postgres to bill: accounts as a whole, and lists of what is in them. A method is one statement.

import type { PageRequest } from '../kernel/page.ts'
import type { TouchedSpan } from '../log/effect.ts'
import type { Account, AccountChange } from './account.ts'
import type { Coupon, NewCoupon } from './coupon.ts'
import type { CreditEntry, OpenGrant, StoredNote } from './credit/credit.ts'
import type { DueMark, DueRange } from './invoices/due-range.ts'
import type { Invoice, InvoiceStatus } from './invoices/invoice.ts'
import type { Because } from './invoices/recount.ts'
import type { Subscription } from './subscriptions/subscription.ts'

/** What was written for one customer: the numbers that were given, by the id of the invoice or credit note. */
export type Saved = { customerId: string; numbers: Map<string, number> }

/** What comes along with an account though closing has no more to do with it. */
export type Asked = {
  /** these, each with its subscription, with the invoices that follow it up to the next period's, and with its credit notes */
  invoiceIds?: string[] | undefined
  /** subscriptions that ended after this instant */
  endedAfterMs?: number | undefined
  /** invoices that bill what waits in `recounts`, each with its subscription and its credit notes */
  recounted?: boolean | undefined
}

export type ReachedSpan = { customerId: string; meter: string; fromMs: number; toMs: number | null }

export type InvoiceFilter = {
  customerId?: string | undefined
  subscriptionId?: string | undefined
  status?: InvoiceStatus | undefined
}

/** Of what is exported: of this customer, of these instants, [fromMs, toMs). */
export type ExportFilter = {
  customerId?: string | undefined
  fromMs?: number | undefined
  toMs?: number | undefined
}

/** An entry with the currency of its grant. */
export type ExportedEntry = CreditEntry & { currency: string }

/** Lists are newest first unless they say otherwise, `after` is an id; they give one item more than `limit` if there is one. */
export interface AccountStore {
  /** One a customer, in the order that was asked for, also where nothing is there yet. */
  loadAccounts(tenantId: string, customerIds: string[], asked?: Asked): Promise<Account[]>
  /** Accounts with a subscription that is due, of the tenant that has waited longest, in the range; null: none is. */
  dueAccounts(nowMs: number, limit: number, range: DueRange): Promise<Account[] | null>
  /** Where each next `every` of the subscriptions that are due begin, `most` of them at most; none: no more than `every` are due. */
  dueMarks(nowMs: number, every: number, most: number): Promise<DueMark[]>
  /**
   * Says of usage that was changed otherwise than by events as they came that invoices are to be opened again for it; of customers
   * without an account nothing. Said twice, they are looked at twice, and billed once.
   */
  recount(tenantId: string, spans: TouchedSpan[], because: Because): Promise<void>
  /** Accounts with usage that was counted anew, of the tenant that has waited longest, or of this one, with what `recounted` asks for; null: none has. */
  recountedAccounts(limit: number, tenantId?: string): Promise<Account[] | null>
  /**
   * Writes every change whose account still has the version that was seen; those that are missing in the answer changed nothing. Where
   * another subscription was faster with the same external id, none of them is written.
   */
  saveAccounts(tenantId: string, changes: AccountChange[]): Promise<Saved[]>

  findSubscription(tenantId: string, id: string): Promise<Subscription | null>
  findByExternalId(tenantId: string, externalId: string): Promise<Subscription | null>
  listSubscriptions(
    tenantId: string,
    filter: { customerId?: string | undefined; externalId?: string | undefined },
    page: PageRequest,
  ): Promise<Subscription[]>
  findInvoice(tenantId: string, id: string): Promise<Invoice | null>
  listInvoices(tenantId: string, filter: InvoiceFilter, page: PageRequest): Promise<Invoice[]>
  /** Issued ones (not voided) of periods that ended within [startMs, endMs], of these customers. */
  invoicesWithin(
    tenantId: string,
    customerIds: string[],
    period: { startMs: number; endMs: number },
  ): Promise<Invoice[]>
  /** Issued ones (not voided), of any age, that bill a meter (its key) of a customer within [fromMs, toMs); toMs null: from then on. */
  invoicesReached(tenantId: string, spans: ReachedSpan[]): Promise<Invoice[]>
  findGrant(tenantId: string, id: string): Promise<OpenGrant | null>
  /** With what is left of them, spent ones too. */
  listGrants(tenantId: string, customerId: string, page: PageRequest): Promise<OpenGrant[]>
  listCreditEntries(tenantId: string, customerId: string, page: PageRequest): Promise<CreditEntry[]>
  /**
   * Issued ones (voided ones, too), by when they were issued, in the order of their numbers after this one (0: from the first).
   * As many as have LINES_PER_INVOICE lines together; none: there are no more.
   */
  exportInvoices(tenantId: string, filter: ExportFilter, afterNumber: number): Promise<Invoice[]>
  /** By when they were written, in the order of customers and then of time; none: there are no more. `after` is an id. */
  exportCreditEntries(tenantId: string, filter: ExportFilter, after: string | null): Promise<ExportedEntry[]>
  findCreditNote(tenantId: string, id: string): Promise<StoredNote | null>
  /** Of an invoice, the oldest first. */
  listCreditNotes(tenantId: string, invoiceId: string, page: PageRequest): Promise<StoredNote[]>
}

export interface CouponStore {
  createCoupon(
    tenantId: string,
    coupon: NewCoupon,
  ): Promise<{ kind: 'created' | 'exists'; coupon: Coupon } | { kind: 'too_many' }>
  /** Archiving it again changes nothing; null: there is none. */
  archiveCoupon(tenantId: string, key: string): Promise<Coupon | null>
  findCoupon(tenantId: string, key: string): Promise<Coupon | null>
  /** In the order of their keys. */
  listCoupons(tenantId: string, page: PageRequest): Promise<Coupon[]>
}
