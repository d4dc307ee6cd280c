// Reconciliation: what each meter accepted, and the log, against what became of it. A counter that is checked, not trusted.

import { type Decimal, decimal, text, zero } from '../kernel/decimal.ts'
import { HOUR_MS } from '../kernel/time.ts'
import { LOG_METER, TALLY_CUSTOMER } from './counter.ts'
import { historyOf } from './history.ts'
import { type LogAccount, logAccount } from './log-account.ts'
import { countingMeters, type TenantConfig } from './meter.ts'
import type { AcceptedRead, Amount, CounterStore, LiveCounter, Totals, UsageStore } from './ports.ts'

/**
 * Why the accounts of a meter disagree.
 *   lost_by_counters   Redis acknowledged events that it no longer has: servers were answered more than it knows
 *   missing_from_totals   accepted by Redis's account, but in neither store: Postgres was put back, or a segment is gone
 *   counters_went_back    Postgres has more than Redis knows of: Redis was put back to an earlier state, or emptied, and no
 *                       server that was answered has called since
 */
export type DriftReason = 'lost_by_counters' | 'missing_from_totals' | 'counters_went_back'

export type MeterAccount = {
  /** a meter's key */
  meter: string
  /** It is the account of the meter's history (history.ts); there is none where it took none. */
  history?: true
  /** Of a meter that was revised: the number of the revision that it is the account of. */
  revision?: number
  /** what was acknowledged, as far as it is known */
  accepted: Amount
  settled: Amount
  unsettled: Amount
  quarantined: Amount
  /** accepted − settled − unsettled − quarantined. Never more than what is really missing, and exactly that once all have called again */
  drift: Amount
  reason: DriftReason | null
}

export type Reconciliation = {
  tenantId: string
  meters: MeterAccount[]
  log: LogAccount
  driftSinceMs: number | null
}

export type ReconcileServices = { counters: CounterStore; usage: UsageStore }

/** Where a tally's group values name its slot. */
const SLOT = 0

/** Events go on while it reads: it reads again until nothing came in between, and then says what the bounds allow. */
const READS = 5

export async function reconcile(services: ReconcileServices, tenant: TenantConfig): Promise<Reconciliation> {
  const { tenantId } = tenant
  const meters = countingMeters(tenant).map(({ id, key, revision }) => ({
    ...{ id, key },
    ...(revision && { revision: revision.number }),
  }))
  const counted: Counted[] = [
    ...meters,
    ...meters.map((meter) => ({ ...meter, id: historyOf(meter.id), history: true as const })),
    { id: LOG_METER, key: LOG_METER },
  ]
  const ids = counted.map(({ id }) => id)
  let accounts: ReturnType<typeof account>[] = []
  let before = await services.counters.readAccepted(tenantId, ids)
  for (let read = 1; read <= READS; read++) {
    const totals = (await services.usage.totals(tallyQuery(tenantId, ids), before.counters)).filter(isTally)
    const after = await services.counters.readAccepted(tenantId, ids)
    accounts = counted.map((one) => account(one, before, after, totals))
    if (accounts.every(({ reason }) => reason === null) || sameAccepted(before, after)) break
    before = after
  }
  const ofLog = accounts.pop()!
  const log = { ...logAccount(ofLog, await services.usage.logged(tenantId)), sinceMs: ofLog.sinceMs }
  const drifts = log.reason !== null || accounts.some(({ reason }) => reason !== null)
  const driftSinceMs = await services.counters.noteDrift(tenantId, drifts)
  const sinceMs = [log, ...accounts].flatMap((one) => one.sinceMs)
  return {
    tenantId,
    meters: accounts.filter(isTold).map(withoutSince),
    log: withoutSince(log),
    driftSinceMs: drifts ? Math.min(...sinceMs, driftSinceMs ?? Number.POSITIVE_INFINITY) : null,
  }
}

type Counted = { id: string; key: string; history?: true; revision?: number }

/** Few meters have a history. */
const isTold = ({ history, accepted, settled, drift }: MeterAccount): boolean =>
  !history || [accepted, settled, drift].some(({ events }) => events !== '0')

const withoutSince = <T extends { sinceMs: number[] }>({ sinceMs: _, ...rest }: T): Omit<T, 'sinceMs'> => rest

/** The lists are counters of the log, too. */
const isTally = ({ merge }: Pick<Totals | LiveCounter, 'merge'>): boolean => merge === 'add'

const tallyQuery = (tenantId: string, meters: string[]) => ({
  tenantId,
  customerIds: [TALLY_CUSTOMER],
  meters,
  boundariesMs: [0, HOUR_MS],
  levelMeters: [],
  groupPositions: [SLOT],
})

const sameAccepted = (before: AcceptedRead, after: AcceptedRead): boolean =>
  [...before.meters].every(([id, slots]) => {
    const now = after.meters.get(id)!
    return (
      slots.length === now.length && slots.every((one, i) => one.accepted.events === now[i]!.accepted.events)
    )
  })

type Sum = { events: Decimal; quantity: Decimal }
const nothing: Sum = { events: zero, quantity: zero }
const tally = ({ a, b }: { a: string; b: string }): Sum => ({ events: decimal(a), quantity: decimal(b) })
const sumOf = (amount: Amount): Sum => ({
  events: decimal(amount.events),
  quantity: decimal(amount.quantity),
})
const plus = (x: Sum, y: Sum): Sum => ({
  events: x.events.plus(y.events),
  quantity: x.quantity.plus(y.quantity),
})
const minus = (x: Sum, y: Sum): Sum => ({
  events: x.events.minus(y.events),
  quantity: x.quantity.minus(y.quantity),
})
const amountOf = (sum: Sum): Amount => ({ events: text(sum.events), quantity: text(sum.quantity) })

/** One slot's part of a meter: what it took, and what of it is in the totals. */
type Share = { accepted: Sum; lost: Sum; lostSinceMs: number | null; drift: Sum; agrees: boolean }

function sharesOf(id: string, before: AcceptedRead, after: AcceptedRead, totals: Totals[]): Share[] {
  const rows = new Map(totals.filter((row) => row.meter === id).map((row) => [row.groups[0] ?? '', row]))
  const now = new Map(after.meters.get(id)!.map((one) => [one.slot, one]))
  const taken = new Map(before.meters.get(id)!.map((one) => [one.slot, one]))
  return [...new Set([...rows.keys(), ...taken.keys()])].map((slot) => {
    const known = taken.get(slot)
    const accepted = known ? sumOf(known.accepted) : nothing
    const row = rows.get(slot)
    const drift = minus(accepted, row ? tally(row.all) : nothing)
    // What came in while this was read may be in the totals already, though not in what was read of Redis before.
    const came = minus(sumOf(now.get(slot)?.accepted ?? { events: '0', quantity: '0' }), accepted)
    const within = drift.events.lte('0') && drift.events.plus(came.events).gte('0')
    return {
      accepted,
      lost: known ? sumOf(known.lost) : nothing,
      lostSinceMs: known?.lostSinceMs ?? null,
      drift,
      agrees: within && (came.events.gt('0') || drift.quantity.eq('0')),
    }
  })
}

/**
 * Slots are judged one by one: what is missing of one is not made up for by what the account of another one has forgotten.
 * Where some is missing, that is the drift; only where none is, what is forgotten.
 */
function account(
  { id, key, history, revision }: Counted,
  before: AcceptedRead,
  after: AcceptedRead,
  totals: Totals[],
): MeterAccount & { sinceMs: number[] } {
  const shares = sharesOf(id, before, after, totals)
  const wrong = shares.filter(({ agrees }) => !agrees)
  const forgotten = wrong.filter(({ drift }) => drift.events.lt('0'))
  const missing = wrong.filter(({ drift }) => drift.events.gte('0'))
  const sum = (amounts: Sum[]) => amounts.reduce(plus, nothing)
  const drifts = (some: Share[]) => sum(some.map(({ drift }) => drift))
  const accepted = sum(shares.map((share) => share.accepted))
  const settled = sum(totals.flatMap(({ meter, settled }) => (meter === id && settled ? tally(settled) : [])))
  const all = sum(totals.flatMap(({ meter, all }) => (meter === id ? tally(all) : [])))
  const quarantined = liveSum(
    before.counters.filter((one) => one.meter === id && isTally(one) && before.quarantined.has(one.segment)),
  )
  return {
    meter: key,
    ...(history && { history }),
    ...(revision !== undefined && { revision }),
    accepted: amountOf(missing.length > 0 ? minus(accepted, drifts(forgotten)) : accepted),
    settled: amountOf(settled),
    unsettled: amountOf(minus(minus(all, settled), quarantined)),
    quarantined: amountOf(quarantined),
    drift: amountOf(drifts(missing.length > 0 ? missing : forgotten)),
    reason: reasonOf(missing, forgotten),
    sinceMs: missing.flatMap(({ lostSinceMs }) => lostSinceMs ?? []),
  }
}

const liveSum = (counters: LiveCounter[]): Sum => counters.map(tally).reduce(plus, nothing)

function reasonOf(missing: Share[], forgotten: Share[]): DriftReason | null {
  if (missing.length > 0)
    return missing.some(({ lost }) => lost.events.gt('0')) ? 'lost_by_counters' : 'missing_from_totals'
  return forgotten.length > 0 ? 'counters_went_back' : null
}
