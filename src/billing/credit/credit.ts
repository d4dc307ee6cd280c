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

export const NOTES_PER_INVOICE = 500
/** Of all credit notes of an invoice together, as they are read whole; a note by amount has room beyond it. */
export const NOTE_LINES_PER_INVOICE = 20_000

/** What a credit note takes back of one line, before tax. */
export type CreditedLine = {
  /** its number in the invoice; null: of the invoice as a whole */
  line: number | null
  name: string | null
  /** of what the line counts (of a fee: its days), where that was said */
  quantity: string | null
  amount: string
}

export type CreditedTax = { name: string; percent: string; taxableAmount: string; amount: string }

/** How the amount of a credit note is made up. */
export type Split = {
  lines: CreditedLine[]
  /** sum of the lines */
  subtotal: string
  /** the rates of the invoice, in their order */
  taxes: CreditedTax[]
}

type NoteHead = {
  id: string
  customerId: string
  invoiceId: string
  number: number | null
  currency: string
  /** subtotal + taxes */
  amount: string
  reason: string
  /** how it is settled: off what is due, as credit, or paid back outside of Tollgate */
  settlement: 'invoice' | 'credit' | 'refund'
  createdMs: number
}

export type CreditNote = NoteHead & Split

/** As it is stored: those that were made when a credit note was nothing but an amount have no split (see creditable.ts). */
export type StoredNote = NoteHead & Partial<Split>
