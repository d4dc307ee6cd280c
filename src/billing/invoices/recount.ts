// Usage that was counted otherwise than by events as they came: by a correction, or from the log. Late usage looks back for some
// weeks; this reaches invoices of any age. What opens an invoice again stands on it until the next closing has looked at it.

import type { Account } from '../account.ts'
import type { Invoice, UsageLine } from './invoice.ts'

/** What was counted anew of one meter. */
export type Reopening = {
  /** a meter's key */
  meter: string
  fromMs: number
  /** null: all that comes after, as a level that changed is what later hours begin from */
  toMs: number | null
  /** null: it was filled from the log */
  correctionId: string | null
}

/** What usage was counted anew for. */
export type Because = Pick<Recount, 'correctionId' | 'asCreditNote'>

/** As it waits to be taken in, with what else is to be done about it. */
export type Recount = Reopening & {
  id: number
  /** What is less than was billed is to be a credit note at once. */
  asCreditNote: boolean
}

/** Corrections that an adjustment names at most, and that an invoice remembers of a meter until it is looked at again. */
export const CORRECTIONS_NAMED = 100

const reaches = ({ meter, fromMs, toMs }: Reopening, line: UsageLine): boolean =>
  meter === line.meter && fromMs < line.toMs && line.fromMs < (toMs ?? Number.POSITIVE_INFINITY)

/** Those that a line of usage is looked at again for. */
export const reopeningsOf = ({ reopened = [] }: Invoice, line: UsageLine): Reopening[] =>
  reopened.filter((one) => reaches(one, line))

/** Whether the next closing looks at the line: late events may have reached it, or it was counted anew. */
export const isOpen = (invoice: Invoice, line: UsageLine): boolean =>
  !invoice.usageFinal || reopeningsOf(invoice, line).length > 0

/** The corrections that changed a line, as far as they are known. */
export const correctionsOf = (invoice: Invoice, line: UsageLine): string[] => {
  const named = reopeningsOf(invoice, line).flatMap(({ correctionId }) => correctionId ?? [])
  return [...new Set(named)].slice(0, CORRECTIONS_NAMED)
}

/** Issued invoices that bill some of what was counted anew, as they are opened for it. Voided ones bill nothing. */
export const reopenedBy = ({ invoices }: Pick<Account, 'invoices'>, recounts: Reopening[]): Invoice[] =>
  invoices.flatMap((invoice) => {
    if (invoice.kind !== 'period' || invoice.status === 'draft' || invoice.status === 'void') return []
    const after = reopened(invoice, recounts)
    return after === invoice ? [] : [after]
  })

/** The account as it is once what waits is taken in: what is shown of it doesn't wait. */
export function openedAgain(account: Account): Account {
  const opened = new Map(reopenedBy(account, account.recounts).map((invoice) => [invoice.id, invoice]))
  return { ...account, invoices: account.invoices.map((invoice) => opened.get(invoice.id) ?? invoice) }
}

/** The invoice as it is opened for those of them that reach a line of it. */
export function reopened(invoice: Invoice, recounts: Reopening[]): Invoice {
  const lines = invoice.lines.filter((line): line is UsageLine => line.kind === 'usage')
  const mine = recounts.filter((one) => lines.some((line) => reaches(one, line)))
  return mine.length === 0
    ? invoice
    : { ...invoice, reopened: merged([...(invoice.reopened ?? []), ...mine]) }
}

/** One of each meter and correction; of a meter that more have reached than can be named, one for all of the others. */
function merged(reopenings: Reopening[]): Reopening[] {
  const found = new Map<string, Reopening>()
  const named = new Map<string, number>()
  for (const { meter, fromMs, toMs, correctionId } of reopenings) {
    const known = found.get(`${meter} ${correctionId}`)
    const count = named.get(meter) ?? 0
    const hasRoom = known !== undefined || correctionId === null || count < CORRECTIONS_NAMED
    if (known === undefined && correctionId !== null && hasRoom) named.set(meter, count + 1)
    const as = hasRoom ? correctionId : null
    const one = { meter, fromMs, toMs, correctionId: as }
    const key = `${meter} ${as}`
    found.set(key, together(found.get(key) ?? one, one))
  }
  return [...found.values()]
}

const together = (x: Reopening, y: Reopening): Reopening => ({
  ...x,
  fromMs: Math.min(x.fromMs, y.fromMs),
  toMs: x.toMs === null || y.toMs === null ? null : Math.max(x.toMs, y.toMs),
})
