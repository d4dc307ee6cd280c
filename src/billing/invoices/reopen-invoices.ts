// Opens invoices again whose usage was counted anew since they were issued, however old they are: the next closing looks at them,
// and bills the difference; where a credit note was asked for, it is made at once. The statement that changed the usage wrote down
// what it changed; this takes it in, once, whoever else is at it, and may be cut off anywhere.

import { newId } from '../../kernel/ids.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import type { BillingSettings } from '../settings.ts'
import { creditedRecounts, spansToCredit } from './credit-recounts.ts'
import { lookedAtAgain } from './move-invoice.ts'
import { reopenedBy } from './recount.ts'
import { savedAccounts } from './saved-accounts.ts'
import { type UsageServices, usageFor } from './usage-reader.ts'

/** Accounts that are taken in at once at most: each comes with all of its invoices that something reached. */
const ACCOUNTS_AT_ONCE = 20

export type ReopenServices = UsageServices & {
  clock: () => number
  billing: BillingSettings
  accounts: Pick<AccountStore, 'recountedAccounts' | 'saveAccounts'>
}

/** `more`: whether more waits than a run takes in. */
export type ReopenReport = { reopened: number; creditNotes: number; more: boolean }

/** Of all tenants, or of this one. */
export async function reopenInvoices(services: ReopenServices, tenantId?: string): Promise<ReopenReport> {
  const { accounts, billing } = services
  const report: ReopenReport = { reopened: 0, creditNotes: 0, more: true }
  for (let batch = 0; batch < billing.batchesPerRun; batch++) {
    const limit = Math.min(billing.accountsPerBatch, ACCOUNTS_AT_ONCE)
    const found = await accounts.recountedAccounts(limit, tenantId)
    report.more = found !== null
    if (found === null) return report
    for (const { invoices, creditNotes } of await takenIn(services, found)) {
      report.reopened += invoices.length
      report.creditNotes += creditNotes.length
    }
  }
  return report
}

/** Of these accounts of one tenant. They are read again, with the invoices that something reached. */
export async function reopenAccounts(
  services: ReopenServices & { accounts: Pick<AccountStore, 'loadAccounts'> },
  waiting: Pick<Account, 'tenantId' | 'customerId'>[],
): Promise<void> {
  for (let from = 0; from < waiting.length; from += ACCOUNTS_AT_ONCE) {
    const some = waiting.slice(from, from + ACCOUNTS_AT_ONCE)
    const ids = some.map(({ customerId }) => customerId)
    await takenIn(services, await services.accounts.loadAccounts(some[0]!.tenantId, ids, { recounted: true }))
  }
}

async function takenIn(services: ReopenServices, found: Account[]): Promise<AccountChange[]> {
  const changes: AccountChange[] = []
  for (const account of found) changes.push(await decided(services, account))
  return await savedAccounts(services.accounts, found[0]!.tenantId, changes)
}

/** Usage is read after the account: what it was counted anew for is in it. */
async function decided(services: ReopenServices, account: Account): Promise<AccountChange> {
  const nowMs = services.clock()
  const change = reopenedAt(account, nowMs)
  const spans = spansToCredit(account)
  if (spans.length === 0) return change
  const { customerId, tenantId } = account
  const usage = await usageFor(services, await services.configs.load(tenantId), [{ customerId, spans }])
  return creditedRecounts({ account, nowMs, newId, usageOf: usage.of(customerId) }, change)
}

/**
 * What the account's next invoices look at. A subscription that has ended, and has no invoice to come, gets one of what changed: it
 * is due at once.
 */
export function reopenedAt(account: Account, nowMs: number): AccountChange {
  const invoices = reopenedBy(account, account.recounts)
  const reached = new Set(invoices.map(({ subscriptionId }) => subscriptionId))
  const subscriptions = account.subscriptions
    .filter(({ id }) => reached.has(id))
    .map((before) => ({ before, after: lookedAtAgain(before, nowMs) }))
    .filter(({ before, after }) => before.dueMs !== after.dueMs)
    .map(({ after }) => after)
  return { ...unchanged(account), subscriptions, invoices, recounts: account.recounts.map(({ id }) => id) }
}
