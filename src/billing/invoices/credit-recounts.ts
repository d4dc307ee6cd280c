// Credit notes at once of what corrections took off issued invoices: line by line, with its tax. What a note gave back the invoice
// remembers as it does an adjustment, so that the next one bills no more than what is left. Pure.

import { minorUnits, roundedAmount } from '../../kernel/currency.ts'
import { decimal, quotient, zero } from '../../kernel/decimal.ts'
import { TollgateError } from '../../kernel/errors.ts'
import { type Account, type AccountChange, changedBy, together } from '../account.ts'
import { changeBy, noteFrom } from '../credit/create-credit-note.ts'
import type { CreditNote } from '../credit/credit.ts'
import { creditableOf, withSplits } from '../credit/creditable.ts'
import type { Adjusted, AdjustmentLine, Invoice } from './invoice.ts'
import { adjustment, billedCharges, spanOf } from './late-usage.ts'
import { reopened } from './recount.ts'
import { type UsageOf, type UsageSpan, usageOrGone } from './usage-lines.ts'

const REASON_CORRECTIONS = 5

type Facts = { account: Account; nowMs: number; newId: () => string; usageOf: UsageOf }

/** The invoices, opened for what is to be credited at once, and for nothing else. */
const toCredit = ({ invoices, recounts }: Pick<Account, 'invoices' | 'recounts'>): Invoice[] => {
  const wanted = recounts.filter(({ asCreditNote }) => asCreditNote)
  return wanted.length === 0
    ? []
    : invoices
        .filter(({ status, kind }) => kind === 'period' && status !== 'draft' && status !== 'void')
        .map(({ reopened: _, ...invoice }) => reopened({ ...invoice, usageFinal: true }, wanted))
        .filter((invoice) => invoice.reopened !== undefined)
}

/** The spans that `creditedRecounts` will ask for. */
export const spansToCredit = (account: Account): UsageSpan[] =>
  toCredit(account).flatMap((invoice) => billedCharges(invoice).map(spanOf))

/** `change`: what is written already with it, such as the invoices as they are opened. Gives both. */
export function creditedRecounts(facts: Facts, change: AccountChange): AccountChange {
  const written = new Map(change.invoices.map((invoice) => [invoice.id, invoice]))
  let [all, account] = [change, facts.account]
  for (const invoice of toCredit(facts.account)) {
    const given = credited({ ...facts, account }, invoice, written.get(invoice.id) ?? invoice)
    if (given === null) continue
    all = together(all, given)
    account = changedBy(account, given)
  }
  return all
}

/** One credit note of an invoice, of all lines of which that can be given back; null: none can. */
function credited(facts: Facts, opened: Invoice, invoice: Invoice): AccountChange | null {
  const { account, nowMs, newId, usageOf } = facts
  const stored = account.creditNotes.filter(({ invoiceId }) => invoiceId === invoice.id)
  const notes = stored.length === 0 ? [] : withSplits(invoice, stored)
  const less = billedCharges(opened).flatMap((charge) => {
    const used = usageOrGone(usageOf, spanOf(charge))
    if (used === null) return []
    return charge.flatMap((numbered, part) => adjustment(opened, numbered, used[part]!))
  })
  const lines = less.flatMap((line) => {
    const amount = creditOf(invoice, notes, line)
    return amount === null ? [] : [{ line, amount }]
  })
  if (lines.length === 0) return null
  const input = {
    lines: lines.map(({ line, amount }) => ({ line: line.adjusts.line, amount })),
    reason: reasonOf(lines.flatMap(({ line }) => line.corrections ?? [])),
  }
  const ids = { note: newId(), grant: newId(), entry: newId() }
  const note = noteOrNull(() => noteFrom(invoice, notes, input, { id: ids.note, nowMs }))
  if (note === null) return null
  const change = changeBy(account, invoice, note, ids)
  const after = change.invoices[0] ?? invoice
  const adjusted = lines.map(({ line }) => givenBack(line, note))
  return { ...change, invoices: [{ ...after, adjustedBy: [...after.adjustedBy, ...adjusted] }] }
}

/**
 * What of the line a note gives back, before tax: what is less, without its share of the coupons. null: it is not less, or more than is
 * left of the line, as where later invoices had billed more for it. Then it is left to the next invoice.
 */
function creditOf(invoice: Invoice, notes: CreditNote[], { adjusts, amount }: AdjustmentLine): string | null {
  const less = zero.minus(amount)
  const billed = decimal(invoice.lines[adjusts.line - 1]!.amount)
  if (!less.gt('0') || less.gt(billed)) return null
  const part = creditableOf(invoice, notes).lines[adjusts.line - 1]!
  const share = quotient(part.all.times(less), billed, minorUnits(invoice.currency))
  return share.gt('0') && !share.gt(part.left) ? roundedAmount(share, invoice.currency) : null
}

const givenBack = ({ adjusts, quantity, events, amount }: AdjustmentLine, note: CreditNote): Adjusted => ({
  invoiceId: null,
  creditNoteId: note.id,
  line: adjusts.line,
  quantity,
  events,
  amount,
})

function reasonOf(corrections: string[]): string {
  const ids = [...new Set(corrections)]
  const more = ids.length - REASON_CORRECTIONS
  const shown = ids.slice(0, REASON_CORRECTIONS).join(', ')
  return `${ids.length > 1 ? 'Corrections' : 'Correction'} ${shown}${more > 0 ? ` and ${more} more` : ''}`
}

/** What is due, or left of the invoice, may be less than what is to be given back: then it is left to the next invoice as a whole. */
function noteOrNull(make: () => CreditNote): CreditNote | null {
  try {
    return make()
  } catch (error) {
    if (error instanceof TollgateError && ['validation_failed', 'state_conflict'].includes(error.code))
      return null
    throw error
  }
}
