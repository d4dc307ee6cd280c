// Bugs in how the job closes periods: twice, by halves, or at the wrong instants.

import { sql } from 'drizzle-orm'
import { type AccountChange, unchanged } from '../../../../src/billing/account.ts'
import type { AccountStore } from '../../../../src/billing/account-ports.ts'
import type { Subscription } from '../../../../src/billing/subscriptions/subscription.ts'
import { newId } from '../../../../src/kernel/ids.ts'
import type { Db } from '../../../../src/stores/postgres/db.ts'
import { query } from '../../../../src/stores/postgres/failure.ts'
import type { Bug } from '../../bug.ts'
import { DAY_MS } from '../calendar.ts'
import { accounts, isBeingIssued, writing } from './writing.ts'

/** Numbers in one statement, and what has them in the next. */
const numberedFirst = (real: AccountStore, db: Db): Partial<AccountStore> => ({
  async saveAccounts(tenantId, changes) {
    const issued = changes.flatMap(({ invoices }) => invoices.filter(isBeingIssued))
    if (issued.length === 0) return real.saveAccounts(tenantId, changes)
    const [given] = await query<{ invoices: string }>(
      db,
      sql`insert into numbering (tenant_id, invoices, credit_notes) values (${tenantId}::uuid, ${issued.length}::int, 0)
        on conflict (tenant_id) do update set invoices = numbering.invoices + excluded.invoices
        returning invoices::text`,
    )
    let number = Number(given!.invoices) - issued.length
    const numbered = changes.map((change) => ({
      ...change,
      invoices: change.invoices.map((one) => (isBeingIssued(one) ? { ...one, number: ++number } : one)),
    }))
    return real.saveAccounts(tenantId, numbered)
  },
})

/** When no reply comes, the same is written again, as if it were new. */
const writtenAgain = (real: AccountStore): Partial<AccountStore> => ({
  saveAccounts: (tenantId, changes) =>
    real.saveAccounts(tenantId, changes).catch(async (error) => {
      if (!changes.some(({ invoices }) => invoices.some(isBeingIssued))) throw error
      const now = await real.loadAccounts(
        tenantId,
        changes.map(({ customerId }) => customerId),
      )
      const again = changes.map((change, i) => {
        const next = (id: string) => now[i]!.subscriptions.find((one) => one.id === id)?.nextSequence
        return { ...asNew(change, next), seenVersion: now[i]!.version }
      })
      return real.saveAccounts(tenantId, again)
    }),
})

/** With ids of its own, behind the invoices that there are. */
function asNew(change: AccountChange, nextOf: (subscription: string) => number | undefined): AccountChange {
  const ids = new Map(change.invoices.filter(isBeingIssued).map(({ id }) => [id, newId()]))
  for (const { id, status } of change.invoices) if (status === 'draft') ids.set(id, newId())
  const first = (subscription: string) =>
    Math.min(
      ...change.invoices
        .filter(({ id, subscriptionId }) => ids.has(id) && subscriptionId === subscription)
        .map(({ sequence }) => sequence),
    )
  const shift = (subscription: string) => Math.max(0, (nextOf(subscription) ?? 0) - first(subscription))
  return {
    ...change,
    subscriptions: change.subscriptions.map((one) => ({
      ...one,
      open: one.open && { ...one.open, invoiceId: ids.get(one.open.invoiceId)! },
      nextSequence: one.nextSequence + shift(one.id),
    })),
    invoices: change.invoices
      .filter(({ id }) => ids.has(id))
      .map((one) => ({
        ...one,
        id: ids.get(one.id)!,
        sequence: one.sequence + shift(one.subscriptionId),
      })),
    grants: [],
    entries: [],
  }
}

const LONG_MS = 3_650 * DAY_MS

/** Whoever closes takes what is due off the list first. */
const takenFirst = (real: AccountStore): Partial<AccountStore> => ({
  async dueAccounts(nowMs, limit, range) {
    const found = await real.dueAccounts(nowMs, limit, range)
    if (found === null) return null
    const isDue = ({ dueMs }: Subscription) => dueMs !== null && dueMs <= nowMs
    const taken = found.map((account) => ({
      ...unchanged(account),
      subscriptions: account.subscriptions.filter(isDue).map((one) => ({ ...one, dueMs: nowMs + LONG_MS })),
    }))
    const saved = await real.saveAccounts(found[0]!.tenantId, taken)
    const mine = found.filter(({ customerId }) => saved.some((one) => one.customerId === customerId))
    return mine.length === 0 ? null : mine.map((one) => ({ ...one, version: one.version + 1 }))
  },
})

/** Local midnights of the simulated zones are told by their noon. */
const dateOf = (midnightMs: number): string => new Date(midnightMs + DAY_MS / 2).toISOString().slice(0, 10)

/** Periods are counted from the one that begins. */
const countedAnew = (change: AccountChange): AccountChange => ({
  ...change,
  subscriptions: change.subscriptions.map((subscription) => {
    const begun = change.invoices.find(({ id }) => id === subscription.open?.invoiceId)
    if (begun?.kind !== 'period' || begun.startMs !== begun.fullStartMs) return subscription
    const now = subscription.phases.findLast(({ fromMs }) => fromMs <= begun.startMs)
    const phases = subscription.phases.map((phase) =>
      phase === now ? { ...phase, anchorDate: dateOf(begun.startMs) } : phase,
    )
    return { ...subscription, phases }
  }),
})

/** The period that follows begins with the day on which the one before it was closed. */
const begunNow = (change: AccountChange): AccountChange => ({
  ...change,
  invoices: change.invoices.map((draft) => {
    const closed = change.invoices.find(
      (one) => isBeingIssued(one) && one.subscriptionId === draft.subscriptionId,
    )
    if (draft.status !== 'draft' || !closed || draft.sequence !== closed.sequence + 1) return draft
    const lateMs = Math.floor((closed.issuedMs! - draft.startMs) / DAY_MS) * DAY_MS
    return { ...draft, startMs: Math.min(draft.startMs + Math.max(lateMs, 0), draft.endMs - DAY_MS) }
  }),
})

const neverAgain = (change: AccountChange): AccountChange =>
  change.invoices.some(isBeingIssued)
    ? {
        ...change,
        subscriptions: change.subscriptions.map((one) => (one.open === null ? { ...one, dueMs: null } : one)),
      }
    : change

export const closingBugs: Bug[] = [
  {
    name: 'accounts without a version',
    what: 'what was decided is written though somebody else has changed the account since it was read',
    sql: (statement) => statement.replace('where accounts.version = excluded.version - 1', ''),
  },
  {
    name: 'a number before the write',
    what: 'an invoice gets its number in one statement, and is written in the next',
    accounts: accounts(numberedFirst),
  },
  {
    name: 'closed again after a lost reply',
    what: 'when no reply comes, the job writes its invoices once more, with ids made anew',
    accounts: accounts(writtenAgain),
  },
  {
    name: 'taken before it is closed',
    what: 'an account is off the list of those that are due before its invoice is written',
    accounts: accounts(takenFirst),
  },
  {
    name: 'a month after a month',
    what: 'a period is counted from the one before it, not from the day of the start: 31 January, 28 February, 28 March',
    accounts: writing(countedAnew),
  },
  {
    name: 'periods from the job’s clock',
    what: 'the next period begins with the day on which the job closes the last one',
    accounts: writing(begunNow),
  },
  {
    name: 'the end is the end',
    what: 'a subscription that has ended is not looked at again for what comes late',
    accounts: writing(neverAgain),
  },
]
