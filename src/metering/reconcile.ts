// Reconciliation: what each meter accepted, against what became of it. A counter that is checked, not trusted.

import { type Decimal, decimal, text, zero } from '../kernel/decimal.ts'
import { HOUR_MS } from '../kernel/time.ts'
import { TALLY_CUSTOMER } from './counter.ts'
import type { TenantConfig } from './meter.ts'
import type { AcceptedRead, Amount, CounterStore, LiveCounter, Totals, UsageStore } from './ports.ts'

/**
 * Why the accounts of a meter disagree.
 *   lost_by_counters   Redis acknowledged events that it no longer has: the servers were answered more than it knows
 *   missing_from_totals   accepted by Redis's account, but in neither store: Postgres was put back, or a segment is gone
 *   counters_went_back    Postgres has more than Redis knows of: Redis was put back to an earlier state, or emptied
 */
export type DriftReason = 'lost_by_counters' | 'missing_from_totals' | 'counters_went_back'

export type MeterAccount = {
  meter: string
  /** what was acknowledged: Redis's account, and what is known to be lost of it */
  accepted: Amount
  settled: Amount
  unsettled: Amount
  quarantined: Amount
  /** accepted − settled − unsettled − quarantined */
  drift: Amount
  reason: DriftReason | null
}

export type Reconciliation = { tenantId: string; meters: MeterAccount[]; driftSinceMs: number | null }

export type ReconcileServices = { counters: CounterStore; usage: UsageStore }

/** Events go on while it reads: it reads again until nothing came in between, and then says what the bounds allow. */
const READS = 5

export async function reconcile(services: ReconcileServices, tenant: TenantConfig): Promise<Reconciliation> {
  const { tenantId } = tenant
  const keys = tenant.meters.map((meter) => meter.key)
  let meters: MeterAccount[] = []
  let before = await services.counters.readAccepted(tenantId, keys)
  for (let read = 1; read <= READS; read++) {
    const totals = await services.usage.totals(tallyQuery(tenantId), before.counters)
    const after = await services.counters.readAccepted(tenantId, keys)
    meters = keys.map((key) => account(key, before, after, totals))
    if (meters.every((meter) => meter.reason === null) || sameAccepted(before, after)) break
    before = after
  }
  const drifts = meters.some((meter) => meter.reason !== null)
  const driftSinceMs = await services.counters.noteDrift(tenantId, drifts)
  const lostSinceMs = [...before.meters.values()].flatMap(({ lostSinceMs }) => lostSinceMs ?? [])
  return {
    tenantId,
    meters,
    driftSinceMs: drifts ? Math.min(...lostSinceMs, driftSinceMs ?? Number.POSITIVE_INFINITY) : null,
  }
}

const tallyQuery = (tenantId: string) => ({
  tenantId,
  customerIds: [TALLY_CUSTOMER],
  meters: null,
  boundariesMs: [0, HOUR_MS],
  levelMeters: [],
  groupPositions: [],
})

const sameAccepted = (before: AcceptedRead, after: AcceptedRead): boolean =>
  [...before.meters].every(
    ([key, { accepted }]) => after.meters.get(key)?.accepted.events === accepted.events,
  )

type Sum = { events: Decimal; quantity: Decimal }
const nothing: Sum = { events: zero, quantity: zero }
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

function account(key: string, before: AcceptedRead, after: AcceptedRead, totals: Totals[]): MeterAccount {
  const row = totals.find((one) => one.meter === key)
  const tally = ({ a, b }: { a: string; b: string }): Sum => ({ events: decimal(a), quantity: decimal(b) })
  const all = row ? tally(row.all) : nothing
  const settled = row?.settled ? tally(row.settled) : nothing
  const live = minus(all, settled)
  const quarantined = liveSum(
    before.counters.filter((one) => one.meter === key && before.quarantined.has(one.segment)),
  )
  const { accepted, lost } = before.meters.get(key)!
  const answered = plus(sumOf(accepted), sumOf(lost))
  const drift = minus(answered, all)
  // What came in while this was read may be in the totals already, though not in what was read of Redis before.
  const came = minus(sumOf(after.meters.get(key)!.accepted), sumOf(accepted))
  const within = drift.events.lte('0') && drift.events.plus(came.events).gte('0')
  const agrees = within && (came.events.gt('0') || drift.quantity.eq('0'))
  const reason = agrees ? null : reasonOf(drift, sumOf(lost))
  return {
    meter: key,
    accepted: amountOf(answered),
    settled: amountOf(settled),
    unsettled: amountOf(minus(live, quarantined)),
    quarantined: amountOf(quarantined),
    drift: amountOf(reason === null ? nothing : drift),
    reason,
  }
}

const liveSum = (counters: LiveCounter[]): Sum =>
  counters.reduce((sum, { a, b }) => plus(sum, { events: decimal(a), quantity: decimal(b) }), nothing)

function reasonOf(drift: Sum, lost: Sum): DriftReason {
  if (drift.events.lt('0')) return 'counters_went_back'
  return lost.events.gt('0') ? 'lost_by_counters' : 'missing_from_totals'
}
