// Bugs in what things come to.

import { takesBack } from '../../../../src/billing/invoices/compute.ts'
import type { Invoice, InvoiceLine } from '../../../../src/billing/invoices/invoice.ts'
import { totalsOf } from '../../../../src/billing/invoices/totals.ts'
import { roundedAmount } from '../../../../src/kernel/currency.ts'
import { decimal, quotient, sum } from '../../../../src/kernel/decimal.ts'
import type { Bug } from '../../bug.ts'
import { accounts, issuing, writing } from './writing.ts'

/** With other amounts for its lines, and totals that go with them: what credit is in it stays as it is. */
const withAmounts = (amountOf: (line: InvoiceLine, currency: string) => string) =>
  issuing((invoice): Invoice => {
    const { currency, issuedMs, totals } = invoice
    if (totals!.credits.length > 0 || !decimal(totals!.creditGranted).eq('0')) return invoice
    const lines = invoice.lines.map((line) => ({ ...line, amount: amountOf(line, currency) }))
    const coupons = totals!.discounts.map(({ coupon, name, percentOff, amount }) => ({
      ...{ key: coupon, name, percentOff, currency, periods: null },
      ...{ createdAt: new Date(issuedMs!), archivedAt: null },
      amountOff: percentOff === null ? amount : null,
    }))
    const wrong = totalsOf({
      amounts: lines.filter((line) => !takesBack(line)).map(({ amount }) => amount),
      takenBack: lines.filter(takesBack).map(({ amount }) => amount),
      currency,
      attached: coupons.map(({ key }) => ({ coupon: key, used: 0 })),
      coupons,
      taxRates: totals!.taxes,
      grants: [],
      nowMs: issuedMs!,
    })
    return decimal(wrong.creditGranted).eq('0') ? { ...invoice, lines, totals: wrong } : invoice
  })

/** Every step of a price is rounded, and what they come to is added up. */
function roundedSteps(line: InvoiceLine, currency: string): string {
  if (line.kind !== 'usage') return line.amount
  const steps = line.breakdown.map(({ amount }) => decimal(roundedAmount(decimal(amount), currency)))
  return roundedAmount(sum(steps), currency)
}

/** A part of a fee, rounded by itself. */
function roundedPart(line: InvoiceLine, currency: string): string {
  if (line.kind !== 'fee') return line.amount
  const { feeAmount, fromDay, toDay, ofDays } = line
  const part = decimal(feeAmount).times(String(toDay - fromDay))
  return roundedAmount(quotient(part, decimal(String(ofDays)), 12), currency)
}

export const amountBugs: Bug[] = [
  {
    name: 'every step is rounded',
    what: 'each tier of a price is rounded by itself, not the line once',
    accounts: withAmounts(roundedSteps),
  },
  {
    name: 'every part is rounded',
    what: 'the parts of a fee that a change cuts are rounded each by itself, and don’t add up to the fee',
    accounts: withAmounts(roundedPart),
  },
  {
    name: 'coupons for ever',
    what: 'how often a coupon was taken off is not counted',
    accounts: writing((change) => ({
      ...change,
      subscriptions: change.subscriptions.map((one) => ({
        ...one,
        coupons: one.coupons.map(({ coupon }) => ({ coupon, used: 0 })),
      })),
    })),
  },
  {
    name: 'credit without its entry',
    what: 'an invoice shows what it draws, and the ledger doesn’t',
    accounts: writing((change) => ({
      ...change,
      entries: change.entries.filter(({ kind }) => kind !== 'draw'),
    })),
  },
  {
    name: 'credit not given back',
    what: 'a voided invoice keeps what it drew',
    accounts: writing((change) => ({
      ...change,
      entries: change.entries.filter(({ kind }) => kind !== 'return'),
    })),
  },
  {
    name: 'notes forgotten',
    what: 'a credit note takes no account of those before it',
    accounts: accounts((real) => ({
      loadAccounts: async (...asked) =>
        (await real.loadAccounts(...asked)).map((one) => ({ ...one, creditNotes: [] })),
    })),
  },
]
