// The job that issues invoices: accounts that are due, a batch at a time, each batch in a handful of calls. It may die
// anywhere, run late, or twice at once: what is written is decided by the account's version.

import { TollgateError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import type { TenantConfig } from '../../metering/meter.ts'
import { type Account, type AccountChange, unchanged } from '../account.ts'
import type { AccountStore } from '../account-ports.ts'
import type { BillingSettings } from '../settings.ts'
import { isDue } from './close.ts'
import { closePeriods, roundsToClose } from './close-periods.ts'
import { ALL_DUE, type DueRange } from './due-range.ts'
import { reopenAccounts, reopenInvoices } from './reopen-invoices.ts'
import { savedAccounts } from './saved-accounts.ts'
import type { UsageSpan } from './usage-lines.ts'
import { type UsageServices, usageFor } from './usage-reader.ts'

export type CloseServices = UsageServices & {
  clock: () => number
  billing: BillingSettings
  accounts: Pick<AccountStore, 'dueAccounts' | 'recountedAccounts' | 'loadAccounts' | 'saveAccounts'>
}

export type CloseReport = {
  issued: number
  /** accounts that somebody else changed meanwhile: they are still due, or done */
  overtaken: number
  /** accounts that could not be closed; they are tried again later */
  failed: { customerId: string; reason: string }[]
  /** whether more is due */
  more: boolean
}

/** An account that can't be closed now waits for so long, and holds up no other. */
const FAILED_WAIT_MS = 600_000
/** How soon an account is looked at again that waits for a meter to be filled. */
const FILLING_WAIT_MS = 300_000
/** Periods that a batch closes at most where its accounts have several due; each of them closes one anyway. */
const PERIODS_PER_BATCH = 400

export const nothingClosed = (): CloseReport => ({ issued: 0, overtaken: 0, failed: [], more: false })

export async function closeDue(services: CloseServices): Promise<CloseReport> {
  const { more } = await reopenInvoices(services)
  const report = await closeRange(services, ALL_DUE)
  return { ...report, more: more || report.more }
}

/** What is due in the range, or as much of it as a run closes. What was counted anew is left to who cut the ranges, where it can be. */
export async function closeRange(services: CloseServices, range: DueRange): Promise<CloseReport> {
  const report = nothingClosed()
  const { accountsPerBatch, batchesPerRun } = services.billing
  const invoicesPerRun = accountsPerBatch * batchesPerRun
  for (let batch = 0; batch < batchesPerRun && report.issued < invoicesPerRun; batch++) {
    const accounts = await services.accounts.dueAccounts(services.clock(), accountsPerBatch, range)
    report.more = accounts !== null
    if (accounts === null) return report
    const tenant = await services.configs.load(accounts[0]!.tenantId)
    // What was counted anew comes first: an invoice names what it adjusts, and why.
    const [ready, waiting] = [accounts.filter(isTakenIn), accounts.filter((one) => !isTakenIn(one))]
    report.overtaken += waiting.length
    if (waiting.length > 0) await reopenAccounts(services, waiting)
    if (ready.length > 0) await closeBatch(services, tenant, ready, report)
  }
  return report
}

const isTakenIn = ({ recounts }: Account): boolean => recounts.length === 0

/** A batch that can't be closed, as its usage is too much for one read, say, is closed in halves: one account holds up no other. */
async function closeBatch(
  services: CloseServices,
  tenant: TenantConfig,
  accounts: Account[],
  report: CloseReport,
): Promise<void> {
  try {
    await save(services, tenant, await decided(services, tenant, accounts, report), report)
  } catch (error) {
    if (error instanceof TollgateError && error.code === 'store_unavailable') throw error
    if (accounts.length > 1) {
      const half = Math.ceil(accounts.length / 2)
      await closeBatch(services, tenant, accounts.slice(0, half), report)
      await closeBatch(services, tenant, accounts.slice(half), report)
    } else await save(services, tenant, [postponed(services, accounts[0]!, error as Error, report)], report)
  }
}

async function decided(
  services: CloseServices,
  tenant: TenantConfig,
  accounts: Account[],
  report: CloseReport,
): Promise<AccountChange[]> {
  const { timezone } = tenant
  const nowMs = services.clock()
  const most = Math.max(1, Math.floor(PERIODS_PER_BATCH / accounts.length))
  const asked = accounts.map((account) => {
    const facts = { account, timezone, settings: services.billing, nowMs, newId }
    return { facts, rounds: roundsToClose(facts, most) }
  })
  const usage = await usageFor(
    services,
    tenant,
    asked.map(({ facts, rounds }) => ({ customerId: facts.account.customerId, spans: rounds.flat() })),
  )
  return asked.map(({ facts, rounds }) => {
    const { account } = facts
    const untilMs = waitsUntil(rounds.flat(), usage.incomplete, facts.settings)
    if (untilMs !== null && nowMs < untilMs)
      return dueLater(account, nowMs, Math.min(untilMs, nowMs + FILLING_WAIT_MS))
    try {
      const known = { meters: usage.meters, usageOf: usage.of(account.customerId) }
      return closePeriods({ ...facts, ...known }, rounds.length)
    } catch (error) {
      return postponed(services, account, error as Error, report)
    }
  })
}

/**
 * Until when an account waits whose usage is being filled from the log: as long again as the grace, from the end of what is
 * billed. null: it waits no longer, or for nothing. What is counted after that comes as late usage.
 */
function waitsUntil(spans: UsageSpan[], incomplete: ReadonlySet<string>, { graceMs }: BillingSettings) {
  const ends = spans.filter(({ meter }) => incomplete.has(meter)).map(({ toMs }) => toMs)
  return ends.length === 0 ? null : Math.max(...ends) + 2 * graceMs
}

/** What is due of it is due then, and nothing else is changed. */
function dueLater(account: Account, nowMs: number, dueMs: number): AccountChange {
  const subscriptions = account.subscriptions
    .filter((one) => isDue(one, nowMs))
    .map((one) => ({ ...one, dueMs }))
  return { ...unchanged(account), subscriptions }
}

function postponed(
  { clock }: CloseServices,
  account: Account,
  error: Error,
  report: CloseReport,
): AccountChange {
  const nowMs = clock()
  const reason = error instanceof TollgateError ? String(error.cause ?? error.detail) : String(error)
  report.failed.push({ customerId: account.customerId, reason })
  return dueLater(account, nowMs, nowMs + FAILED_WAIT_MS)
}

async function save(
  { accounts }: CloseServices,
  { tenantId }: TenantConfig,
  changes: AccountChange[],
  report: CloseReport,
): Promise<void> {
  const saved = await savedAccounts(accounts, tenantId, changes)
  report.overtaken += changes.length - saved.length
  report.issued += saved
    .flatMap(({ invoices }) => invoices)
    .filter(({ issuedMs, number }) => issuedMs !== null && number === null).length
}
