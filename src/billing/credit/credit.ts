// Credit: what a customer has paid before it was billed, or got back. A grant is an amount; every draw on it is an entry in a
// ledger that only grows, and what is left of it is the sum of its entries.

export const creditEntryKinds = ['grant', 'draw', 'return', 'expire', 'void'] as const

/**
 * grant   the amount itself, positive
 * draw    taken off an invoice, negative
 * return  given back by an invoice that was voided
 * expire  what was left when it expired, negative
 * void    what was left when it was taken back by the tenant, negative
 */
export type CreditEntryKind = (typeof creditEntryKinds)[number]

export type Grant = {
  id: string
  customerId: string
  name: string
  currency: string
  amount: string
  /** the smaller, the earlier it is drawn on */
  priority: number
  expiresMs: number | null
  /** the invoice or credit note that it came from; null: the tenant granted it */
  source: string | null
  createdMs: number
}

/** A grant with what is left of it. */
export type OpenGrant = Grant & { remaining: string }

export type CreditEntry = {
  id: string
  customerId: string
  grantId: string
  kind: CreditEntryKind
  /** signed */
  amount: string
  /** the invoice that it is for */
  invoiceId: string | null
  createdMs: number
}

export type CreditNote = {
  id: string
  customerId: string
  invoiceId: string
  number: number | null
  currency: string
  amount: string
  reason: string
  /** how it is settled: off what is due, as credit, or paid back outside of Tollgate */
  settlement: 'invoice' | 'credit' | 'refund'
  createdMs: number
}
