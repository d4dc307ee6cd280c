// What is written of accounts, changed on its way to the store.

import type { AccountChange } from '../../../../src/billing/account.ts'
import type { AccountStore } from '../../../../src/billing/account-ports.ts'
import type { Invoice } from '../../../../src/billing/invoices/invoice.ts'
import type { Db } from '../../../../src/stores/postgres/db.ts'
import { replaced } from '../../bugs/replaced.ts'

export const accounts =
  (wrong: (real: AccountStore, db: Db) => Partial<AccountStore>) => (real: AccountStore, db: Db) =>
    replaced(real, wrong(real, db))

export const writing = (wrong: (change: AccountChange) => AccountChange) =>
  accounts((real) => ({
    saveAccounts: (tenantId, changes) => real.saveAccounts(tenantId, changes.map(wrong)),
  }))

/** Only the job that closes periods issues. */
export const isBeingIssued = ({ issuedMs, number }: Invoice): boolean => issuedMs !== null && number === null

export const issuing = (wrong: (invoice: Invoice) => Invoice) =>
  writing((change) => ({
    ...change,
    invoices: change.invoices.map((invoice) => (isBeingIssued(invoice) ? wrong(invoice) : invoice)),
  }))
