// Builders of what a billing account owns. Times are far from now, so that nothing is due by chance.

import { type AccountChange, noAccount, unchanged } from '../../src/billing/account.ts'
import type { CreditEntry, CreditNote, Grant } from '../../src/billing/credit/credit.ts'
import type { Invoice, Totals } from '../../src/billing/invoices/invoice.ts'
import type { Subscription } from '../../src/billing/subscriptions/subscription.ts'

export const NOVEMBER_MS = Date.UTC(2026, 10, 1)
export const DECEMBER_MS = Date.UTC(2026, 11, 1)
export const NEVER_YET_MS = Date.UTC(2100, 0, 1)

export const newId = () => crypto.randomUUID() as string

/** Nothing but the version, unless `more` says otherwise. */
export const changeOf = (
  customerId: string,
  seenVersion: number,
  more: Partial<AccountChange> = {},
): AccountChange => ({
  ...unchanged({ ...noAccount('', customerId), version: seenVersion, currency: 'USD' }),
  ...more,
})

export const subscriptionOf = (customerId: string, more: Partial<Subscription> = {}): Subscription => ({
  id: newId(),
  customerId,
  startMs: NOVEMBER_MS,
  anchor: 'calendar',
  trialEndMs: null,
  cancelAtMs: null,
  phases: [{ fromMs: NOVEMBER_MS, plan: 'pro', version: 1, overrides: [], anchorDate: '2026-11-01' }],
  coupons: [],
  metadata: { 'ünï "code"': '😀\n' },
  dueMs: NEVER_YET_MS,
  open: null,
  nextSequence: 0,
  createdMs: NOVEMBER_MS,
  ...more,
})

export const draftOf = (customerId: string, more: Partial<Invoice> = {}): Invoice => ({
  id: newId(),
  customerId,
  subscriptionId: newId(),
  sequence: 0,
  kind: 'period',
  status: 'draft',
  number: null,
  currency: 'USD',
  startMs: NOVEMBER_MS,
  endMs: DECEMBER_MS,
  fullStartMs: NOVEMBER_MS,
  fullEndMs: DECEMBER_MS,
  fullDays: 30,
  advance: [],
  lines: [],
  totals: null,
  recipient: null,
  issuedMs: null,
  movedMs: null,
  lateUntilMs: NEVER_YET_MS,
  usageFinal: false,
  adjustedBy: [],
  createdMs: NOVEMBER_MS,
  ...more,
})

const totals: Totals = {
  subtotal: '0.30',
  discounts: [],
  taxes: [],
  total: '0.30',
  credits: [],
  amountDue: '0.30',
  creditGranted: '0.00',
}

/** Still without its number: that is given when it is saved. */
export const issuedOf = (customerId: string, more: Partial<Invoice> = {}): Invoice =>
  draftOf(customerId, { status: 'issued', issuedMs: DECEMBER_MS, totals, ...more })

export const grantOf = (customerId: string, more: Partial<Grant> = {}): Grant => ({
  id: newId(),
  customerId,
  name: 'Prepaid',
  currency: 'USD',
  amount: '10.00',
  priority: 50,
  expiresMs: null,
  source: null,
  createdMs: NOVEMBER_MS,
  ...more,
})

export const entryOf = (grant: Grant, amount: string, more: Partial<CreditEntry> = {}): CreditEntry => ({
  id: newId(),
  customerId: grant.customerId,
  grantId: grant.id,
  kind: amount.startsWith('-') ? 'draw' : 'grant',
  amount,
  invoiceId: null,
  createdMs: NOVEMBER_MS,
  ...more,
})

export const creditNoteOf = (invoice: Invoice, more: Partial<CreditNote> = {}): CreditNote => ({
  id: newId(),
  customerId: invoice.customerId,
  invoiceId: invoice.id,
  number: null,
  currency: 'USD',
  lines: [{ line: null, name: null, quantity: null, amount: '0.10' }],
  subtotal: '0.10',
  taxes: [],
  amount: '0.10',
  reason: 'A mistake',
  settlement: 'credit',
  createdMs: DECEMBER_MS,
  ...more,
})
