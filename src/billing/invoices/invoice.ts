// An invoice: what a subscription's period costs. A draft has no lines of its own: they are computed anew whenever it is
// read. When it is issued they are frozen with everything else, and only its status moves from then on.

import type { Aggregation } from '../../metering/meter.ts'
import type { Price } from '../../pricing/price.ts'
import type { Rated } from '../../pricing/rated.ts'
import type { Reopening } from './recount.ts'

export const invoiceStatuses = ['draft', 'issued', 'paid', 'uncollectible', 'void'] as const
export type InvoiceStatus = (typeof invoiceStatuses)[number]

export const invoiceKinds = ['opening', 'period', 'change', 'trailing'] as const

/**
 * opening   before the first period: the trial, or nothing but what is due in advance for it
 * period    a period's usage and what is due at its end, and what is due in advance for the next
 * change    within a period: what a change made due of what is billed in advance for it
 * trailing  after the last one: what came in late
 */
export type InvoiceKind = (typeof invoiceKinds)[number]

/** Group values that a price is for; null: all groups, or those that no other price of the meter is for. */
export type Match = Record<string, string | null> | null

type Amount = { amount: string }

/** Usage of one meter (or of some groups of it) in [fromMs, toMs), which is within the period. */
export type UsageLine = Rated & {
  kind: 'usage'
  meter: string
  name: string | null
  aggregation: Aggregation
  match: Match
  fromMs: number
  toMs: number
  quantity: string
  /** number of events, where the meter knows it */
  events: string
  /** null: nothing prices this, and it says so */
  price: Price | null
}

type OfFee = Amount & {
  fee: string
  name: string | null
  plan: string
  /** the fee for a full period */
  feeAmount: string
  fromMs: number
  toMs: number
  /** days of the full period, [fromDay, toDay) of ofDays, that this is for */
  fromDay: number
  toDay: number
  ofDays: number
}

/** A recurring fee. */
export type FeeLine = OfFee & {
  kind: 'fee'
  due: 'advance' | 'arrears'
  /** of a fee in advance, where its day 0 begins, if periods begin at an hour: fromMs doesn't tell then. Absent: at a midnight */
  fullStartMs?: number
}

/** A fee as the invoice before has billed it in advance, with what its coupons took off of it; absent: nothing. */
export type AdvanceLine = FeeLine & { discount?: string }

/**
 * Days of this period that were billed in advance and turned out otherwise: taken back (negative), or added. What is taken back is
 * what was to be paid: less the `discount` that coupons had taken off of it.
 */
export type ProrationLine = OfFee & { kind: 'proration'; discount?: string }

/** What changed in a line of an earlier invoice by late events or corrections: rated again with the price of its own period. */
export type AdjustmentLine = Amount & {
  kind: 'adjustment'
  adjusts: { invoiceId: string; number: number; line: number }
  meter: string
  name: string | null
  match: Match
  fromMs: number
  toMs: number
  /** what was not billed yet; negative: less was used than billed */
  quantity: string
  /** of the whole span now */
  ratedQuantity: string
  events: string
  price: Price | null
  /** of ratedQuantity */
  rated: Rated
  /** ids of the corrections of events that changed it, as far as they are known; absent: none is */
  corrections?: string[]
}

/** An adjustment of one of its lines, as the invoice that was adjusted remembers it. */
export type Adjusted = {
  /** the later invoice, which bills it; null: a credit note gave it back */
  invoiceId: string | null
  creditNoteId?: string
  /** number of the line that was adjusted */
  line: number
  quantity: string
  /** of the whole span then */
  events: string
  amount: string
}

export type InvoiceLine = UsageLine | FeeLine | ProrationLine | AdjustmentLine

export type Discount = { coupon: string; name: string | null; percentOff: string | null; amount: string }
export type Tax = { name: string; percent: string; amount: string }
export type CreditDraw = { grantId: string; name: string; amount: string }

/** Decimal strings with the currency's decimals. */
export type Totals = {
  /** sum of the lines */
  subtotal: string
  discounts: Discount[]
  taxes: Tax[]
  /** subtotal − discounts + taxes */
  total: string
  credits: CreditDraw[]
  /** total − credits, never below zero */
  amountDue: string
  /** a negative total, which becomes credit */
  creditGranted: string
}

export type Recipient = { name: string | null; email: string | null }

export type Invoice = {
  id: string
  customerId: string
  subscriptionId: string
  /** counts from 0 within its subscription */
  sequence: number
  kind: InvoiceKind
  status: InvoiceStatus
  /** counts from 1 within its tenant, without gaps; null: not issued */
  number: number | null
  currency: string
  startMs: number
  endMs: number
  /** of the full period, of which a first or a last one may be a part */
  fullStartMs: number
  fullEndMs: number
  fullDays: number
  /** what the invoices before have billed in advance for this period */
  advance: AdvanceLine[]
  lines: InvoiceLine[]
  /** null: a draft */
  totals: Totals | null
  recipient: Recipient | null
  /** Of a draft that is shown: a meter that it prices is being filled. */
  incomplete?: boolean
  issuedMs: number | null
  /** when it was paid, written off or voided */
  movedMs: number | null
  /** late events can't reach its period any more from here on */
  lateUntilMs: number
  /** whether that was seen to, once, after lateUntilMs */
  usageFinal: boolean
  /** what of it was counted anew since it was looked at; absent: nothing */
  reopened?: Reopening[]
  /** what later invoices and credit notes changed of its lines, in the order that they were issued */
  adjustedBy: Adjusted[]
  createdMs: number
}

/** How a number is shown. */
export const invoiceNumber = (number: number): string => `INV-${String(number).padStart(6, '0')}`

/**
 * An invoice has so many lines at most: one half is for its own period, which no change of a subscription may go beyond; the
 * other for what came late to earlier ones, of which it takes as many as fit, and leaves the others to the next.
 */
export const LINES_PER_INVOICE = 5_000
export const LINES_PER_PERIOD = LINES_PER_INVOICE / 2
