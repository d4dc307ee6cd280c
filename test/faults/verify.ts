// The end of a round: what was acknowledged is what is billed, before and after everything is settled.

import { setTimeout as sleep } from 'node:timers/promises'
import { amountOf, textOf } from './amount.ts'
import { must } from './calls.ts'
import { deliver, type Load } from './clients.ts'
import { read } from './tenant.ts'
import { meters } from './workload.ts'

const RETRIES = 300
const RESOLVE_BATCH = 50
const READS_AT_ONCE = 8
const SETTLE_MS = 120_000

/** Retries what nobody knows the fate of, until it is answered. Returns how many events those were. */
export async function resolveUnknown(load: Load): Promise<number> {
  const unknown = load.ledger.sent.filter(({ ackedAt }) => ackedAt === null)
  for (let from = 0; from < unknown.length; from += RESOLVE_BATCH) {
    const events = unknown.slice(from, from + RESOLVE_BATCH)
    const options = { tries: RETRIES, until: () => false, patient: true }
    if (!(await deliver(load, events, options)) && load.site.violations.length === 0)
      load.site.violations.push(`${events[0]!.content.id} is not taken, with every server up`)
  }
  return unknown.length
}

/** Every customer's bill and usage, from the apps in turn. `settled`: nothing of them may be live any more. */
export async function verifyTotals(load: Load, { settled }: { settled: boolean }): Promise<void> {
  const { site, ledger, tenant } = load
  const work = ledger.customers.flatMap((customer, i) =>
    (['bill', 'usage'] as const).map((kind, k) => ({ customer, app: (i + k) % site.apps.length, kind })),
  )
  await Promise.all(
    Array.from({ length: READS_AT_ONCE }, async () => {
      for (let next = work.pop(); next !== undefined; next = work.pop()) {
        const { customer, app, kind } = next
        const began = ledger.moment()
        const shown = await read(kind, site, app, { tenant, customer, period: ledger.period })
        const wrong =
          shown === 'unavailable'
            ? [`${customer}: not to be read, with every server up`]
            : 'wrong' in shown
              ? [shown.wrong]
              : ledger.wrong(customer, shown.quantities, began, began)
        for (const one of wrong)
          site.violations.push(`${kind}, ${settled ? 'all settled' : 'at the end'}: ${one}`)
        // A level depends on the instant of reading in neither store: it counts as settled when its changes are.
        if (settled && typeof shown === 'object' && 'liveMeters' in shown && shown.liveMeters.length > 0)
          site.violations.push(
            `${kind}: ${customer} has live ${shown.liveMeters.join(', ')} with nothing unsettled`,
          )
      }
    }),
  )
}

/** As GET /api/v1/flush says it. */
type PartitionSaid = {
  quarantined: unknown[]
  open_segment: { counters: number } | null
  sealed_segments: number
  unsettled_counters: number
}
const isEmpty = ({ open_segment, sealed_segments }: PartitionSaid): boolean =>
  (open_segment?.counters ?? 0) === 0 && sealed_segments === 0

/** Flushes until nothing remains. */
export async function settleAll({ site }: Load): Promise<void> {
  const until = performance.now() + SETTLE_MS
  for (;;) {
    // Whoever was killed holds the lease for up to half a minute. It only saves work; everything is correct without it.
    await site.breakLease()
    await must(site.apps[0]!, { method: 'POST', path: '/api/v1/flush', token: site.adminToken })
    const { partitions } = await must(site.apps[0]!, { path: '/api/v1/flush', token: site.adminToken })
    const states: PartitionSaid[] = partitions
    const refused = states.flatMap(({ quarantined }) => quarantined)
    if (refused.length > 0) {
      site.violations.push(`quarantined: ${JSON.stringify(refused)}`)
      return
    }
    const left = states.filter((state) => !isEmpty(state))
    const wrong = states.find((state) => isEmpty(state) && state.unsettled_counters > 0)
    if (left.length === 0 && wrong === undefined) return
    if (wrong !== undefined)
      site.violations.push(
        `no segment is left, but ${wrong.unsettled_counters} counters are said to be unsettled`,
      )
    else if (performance.now() > until) site.violations.push(`not settled in time: ${JSON.stringify(left)}`)
    if (site.violations.length > 0) return
    await sleep(200)
  }
}

/** The server's own accounts of every meter: all events accepted and settled, none missing. */
export async function verifyAccounts({ site, ledger, tenant }: Load): Promise<void> {
  const path = `/api/v1/reconciliation?tenant_id=${tenant.id}`
  const { data } = await must(site.apps.at(-1)!, { path, token: site.adminToken })
  const [account] = data
  const events = ledger.sent
  const values: Record<string, bigint> = {
    units: events.reduce((sum, { units }) => sum + units, 0n),
    calls: amountOf(String(events.length)),
    peak: events.reduce((sum, { peak }) => sum + peak, 0n),
    level: events.reduce((sum, { change }) => sum + change, 0n),
  }
  const told = (what: string) => site.violations.push(`reconciliation: ${what}: ${JSON.stringify(account)}`)
  if (account.drift_since !== null) told('drift')
  if (account.meters.length !== meters.length) told('meters are missing')
  const { log } = account
  if (log.reason !== null) told('the log drifts')
  if (log.accepted !== String(events.length) || log.in_index !== log.accepted)
    told(`the log has not all of ${events.length} events, and these alone`)
  for (const { meter, accepted, settled, reason } of account.meters) {
    if (reason !== null) told(`${meter} drifts`)
    if (accepted.events !== String(events.length))
      told(`${meter} accepted another number than ${events.length}`)
    if (settled.events !== accepted.events) told(`${meter} is not settled`)
    const value = values[meter]
    if (value !== undefined && accepted.quantity !== textOf(value))
      told(`${meter} accepted another sum than ${textOf(value)}`)
  }
}
