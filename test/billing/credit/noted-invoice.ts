// An invoice that is paid, with whatever lines, and the credit notes that are made of it by the real command.

import type { TaxRate } from '../../../src/access/customer.ts'
import { noAccount } from '../../../src/billing/account.ts'
import type { Coupon } from '../../../src/billing/coupon.ts'
import { createCreditNote } from '../../../src/billing/credit/create-credit-note.ts'
import type { CreditNote, StoredNote } from '../../../src/billing/credit/credit.ts'
import { creditNoteInputSchema } from '../../../src/billing/credit/credit-note.ts'
import { takesBack } from '../../../src/billing/invoices/compute.ts'
import type { Invoice, InvoiceLine } from '../../../src/billing/invoices/invoice.ts'
import { totalsOf } from '../../../src/billing/invoices/totals.ts'
import { issuedOf, newId } from '../../support/accounts.ts'

const span = { fromMs: 0, toMs: 3_600_000 }

export const usageOf = (amount: string, quantity = '100'): InvoiceLine => ({
  ...{ kind: 'usage', meter: 'calls', name: 'Calls', aggregation: 'sum', match: null, ...span, quantity },
  ...{ events: '1', price: null, amount, unrounded_amount: amount, breakdown: [] },
})

export const prorationOf = (amount: string, days = 10): InvoiceLine => ({
  ...{ kind: 'proration', fee: 'base', name: null, plan: 'pro', feeAmount: '49', ...span },
  ...{ fromDay: 0, toDay: days, ofDays: 30, amount },
})

export const feeOf = (amount: string, days = 30): InvoiceLine => ({
  ...{ kind: 'fee', fee: 'base', name: 'Base fee', plan: 'pro', due: 'arrears', feeAmount: '49', ...span },
  ...{ fromDay: 0, toDay: days, ofDays: 30, amount },
})

export type Billed = {
  lines: InvoiceLine[]
  currency?: string
  coupons?: { percentOff?: string; amountOff?: string }[]
  taxRates?: TaxRate[]
}

export class NotedInvoice {
  readonly invoice: Invoice
  /** as they are stored */
  readonly notes: StoredNote[] = []
  #version = 0

  constructor({ lines, currency = 'EUR', coupons = [], taxRates = [] }: Billed) {
    const all = coupons.map(
      ({ percentOff = null, amountOff = null }, i): Coupon => ({
        ...{ key: `c${i}`, name: null, percentOff, amountOff, currency, periods: null },
        ...{ createdAt: new Date(0), archivedAt: null },
      }),
    )
    const amounts = (some: InvoiceLine[]) => some.map(({ amount }) => amount)
    const totals = totalsOf({
      amounts: amounts(lines.filter((line) => !takesBack(line))),
      takenBack: amounts(lines.filter(takesBack)),
      currency,
      attached: all.map(({ key }) => ({ coupon: key, used: 0 })),
      coupons: all,
      taxRates,
      grants: [],
      nowMs: 0,
    })
    this.invoice = issuedOf('alice', { status: 'paid', currency, lines, totals, number: 1 })
  }

  async note(input: object): Promise<CreditNote> {
    const { invoice, notes } = this
    const account = { ...noAccount('t', 'alice'), version: this.#version, currency: invoice.currency }
    const services = {
      clock: () => notes.length,
      accounts: {
        findInvoice: async () => invoice,
        loadAccounts: async () => [structuredClone({ ...account, invoices: [invoice], creditNotes: notes })],
        saveAccounts: async (_: string, [change]: { customerId: string; creditNotes: StoredNote[] }[]) => {
          const numbers = new Map(change!.creditNotes.map(({ id }) => [id, notes.length + 1]))
          notes.push({ ...change!.creditNotes[0]!, number: notes.length + 1 })
          this.#version++
          return [{ customerId: 'alice', numbers }]
        },
      },
    }
    const tenant = {
      tenantId: 't',
      timezone: 'UTC',
      currency: 'USD',
      unmetered: 'refuse' as const,
      dedupeWindowHours: null,
      version: 1,
      meters: [],
      revisions: [],
    }
    const parsed = creditNoteInputSchema.parse({ reason: 'Outage', ...input })
    return (await createCreditNote(services, { tenant, newId }, { invoiceId: invoice.id, input: parsed }))
      .note
  }
}
