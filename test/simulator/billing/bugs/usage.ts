// Bugs in what usage an invoice has.

import type { AccountChange } from '../../../../src/billing/account.ts'
import type { AccountStore } from '../../../../src/billing/account-ports.ts'
import type { Adjusted, Invoice } from '../../../../src/billing/invoices/invoice.ts'
import type { Bug } from '../../bug.ts'
import { replaced } from '../../bugs/replaced.ts'
import { accounts, issuing, writing } from './writing.ts'

type Hiding = Invoice & { hidden?: Adjusted[] }

/** The job sees the lines of earlier invoices, and not what was adjusted of them already. */
const adjustmentsForgotten = (real: AccountStore): Partial<AccountStore> => ({
  async dueAccounts(nowMs, limit, range) {
    const found = await real.dueAccounts(nowMs, limit, range)
    const hiding = (one: Invoice): Hiding => ({ ...one, adjustedBy: [], hidden: one.adjustedBy })
    return found?.map((account) => ({ ...account, invoices: account.invoices.map(hiding) })) ?? null
  },
  saveAccounts(tenantId, changes) {
    const shown = ({ hidden = [], ...one }: Hiding): Invoice => ({
      ...one,
      adjustedBy: [...hidden, ...one.adjustedBy],
    })
    return real.saveAccounts(
      tenantId,
      changes.map((change) => ({ ...change, invoices: change.invoices.map(shown) })),
    )
  },
})

/** Voiding touches nothing but the invoice itself. */
const onlyVoided = (change: AccountChange): AccountChange => {
  const isVoided = ({ status, number }: Invoice) => status === 'void' && number !== null
  return change.invoices.some(isVoided) ? { ...change, invoices: change.invoices.filter(isVoided) } : change
}

export const usageBugs: Bug[] = [
  {
    name: 'adjustments of adjustments',
    what: 'late usage is compared with the line alone, not with the line and its earlier adjustments',
    accounts: accounts(adjustmentsForgotten),
  },
  {
    name: 'final when it is issued',
    what: 'an invoice that was issued is not looked at again for what comes late',
    accounts: issuing((invoice) => ({ ...invoice, usageFinal: true })),
  },
  {
    name: 'late once',
    what: 'an invoice is looked at once for what comes late, with the one that follows it',
    accounts: issuing((invoice) => ({ ...invoice, lateUntilMs: invoice.endMs })),
  },
  {
    name: 'only what is settled',
    what: 'invoices are made from Postgres alone, without what is still in Redis',
    counters: (real) =>
      replaced(real, {
        readLive: async (tenantId, customerIds) => ({
          ...(await real.readLive(tenantId, customerIds)),
          counters: [],
        }),
      }),
  },
  {
    name: 'both ends of a period',
    what: 'the hour, and the day, that begins when a period ends is in it, and in the next one',
    sql: (statement) =>
      statement
        .replaceAll('bucket >= i and bucket < t', 'bucket >= i and bucket <= t')
        .replaceAll('day >= y and day < yt', 'day >= y and day <= yt')
        .replaceAll('k >= since and k < t', 'k >= since and k <= t'),
  },
  {
    name: 'a group twice',
    what: 'what has a price of its own group is in the rest, too',
    usage: (real) =>
      replaced(real, {
        spanTotals: async (tenantId, spans, live) => {
          const rows = await real.spanTotals(tenantId, spans, live)
          return [...rows, ...rows.filter(({ part }) => part !== null).map((row) => ({ ...row, part: null }))]
        },
      }),
  },
  {
    name: 'adjusted by a void invoice',
    what: 'what a voided invoice had adjusted is taken for billed',
    accounts: writing(onlyVoided),
  },
]
