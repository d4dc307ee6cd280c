// Bugs in what becomes of usage that was counted anew.

import type { AccountChange } from '../../../../src/billing/account.ts'
import type { Bug } from '../../bug.ts'
import { accounts, writing } from './writing.ts'

const takesIn = ({ recounts }: AccountChange): boolean => recounts.length > 0

export const recountBugs: Bug[] = [
  {
    name: 'taken in and not opened',
    what: 'what was counted anew is taken off the list, and no invoice is opened for it',
    accounts: writing((change) => (takesIn(change) ? { ...change, invoices: [] } : change)),
  },
  {
    name: 'too old to be looked at',
    what: 'closing looks at what late events can reach, and at no older invoice that was opened again',
    accounts: accounts((real) => ({
      async dueAccounts(nowMs, limit, range) {
        const found = await real.dueAccounts(nowMs, limit, range)
        const young = found?.map((account) => ({
          ...account,
          invoices: account.invoices.filter(({ reopened, usageFinal }) => !usageFinal || !reopened),
        }))
        return young ?? null
      },
    })),
  },
  {
    name: 'ended and not due again',
    what: 'a subscription that has ended gets no invoice of what a correction changed',
    accounts: writing((change) => (takesIn(change) ? { ...change, subscriptions: [] } : change)),
  },
]
