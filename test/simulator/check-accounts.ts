// Whether reconciliation tells the truth: nothing where nothing is lost, and where something is, how much.

import type { LogAccount } from '../../src/metering/log-account.ts'
import type { MeterAccount, Reconciliation } from '../../src/metering/reconcile.ts'
import { isCountedBy, unitsOf } from './expected.ts'
import type { SimEvent } from './oracle.ts'
import { baseMeters, digitsMeter, kinds } from './plan.ts'
import type { Tenant } from './stage.ts'
import { laws, Violation } from './violation.ts'
import type { World } from './world.ts'

export function checkNoDrift(meters: MeterAccount[], name: string): void {
  for (const { meter, reason, drift } of meters) {
    if (reason !== null)
      throw new Violation(laws.accounts, `${meter} of ${name}: ${reason}, ${drift.events} events`)
  }
}

/** What is settled is in the index, whatever was lost or put back: they are settled by one statement. */
export function checkLogAccount({ reason, drift }: LogAccount, name: string, nothingLost: boolean): void {
  const isOfIndex = reason === 'missing_from_index' || reason === 'more_in_index'
  if (isOfIndex || (nothingLost && reason !== null))
    throw new Violation(laws.accounts, `the log of ${name}: ${reason}, ${drift} events`)
}

/** Less than nothing is missing: what Redis has forgotten is in Postgres, and nobody knows of a loss. */
const isMissing = ({ reason }: MeterAccount): boolean => reason !== null && reason !== 'counters_went_back'

/**
 * At the end, when every isolate has called again since the last loss: what is named is never more than what is lost, and no
 * less than what of it isolates know that lived on, heard every answer, and share their slot with nobody. Where those know all
 * of it, it is exact. `countOf`: how often an event is in the totals.
 */
export function checkLosses(
  world: World,
  tenant: Tenant,
  { meters, driftSinceMs }: Reconciliation,
  countOf: (event: SimEvent) => number,
): void {
  for (const kind of kinds) {
    const check = (what: string, named: bigint, atLeast: bigint, atMost: bigint) => {
      if (named >= atLeast && named <= atMost) return
      const bounds = atLeast === atMost ? `${atLeast}` : `${atLeast} to ${atMost}`
      throw new Violation(
        laws.sized,
        `${what} of tenant ${tenant.number}: ${named} are named, of ${bounds} lost`,
      )
    }
    for (const meter of baseMeters.filter(({ resourceType }) => resourceType === kind)) {
      // What was imported as history has an account of its own.
      const accounts = meters.filter((one) => one.meter === meter.key)
      const { known, all } = world.acceptances.lost(
        tenant.number,
        (event) => event.kind === kind && isCountedBy(meter.key, event),
        countOf,
        (isolate) => world.isReliable(isolate, tenant.number),
      )
      const missing = accounts.filter(isMissing)
      const sum = (amounts: bigint[]) => amounts.reduce((total, one) => total + one, 0n)
      const events = sum(missing.map(({ drift }) => BigInt(drift.events)))
      if (accounts.length > 0)
        check(`events lost of ${meter.key}`, events, BigInt(known.events), BigInt(all.events))
      // Where somebody else's events, or late ones, came between a loss and its notice, they are missing from its quantity.
      if (meter.key === digitsMeter[kind]) {
        const quantity = sum(missing.map(({ drift }) => unitsOf(drift.quantity)))
        const exact = known.events === all.events
        check(`quantity lost of ${meter.key}`, quantity, exact ? known.quantity : quantity, all.quantity)
      }
    }
  }
  for (const { meter, drift, reason } of meters) {
    if (!baseMeters.some(({ key }) => key === meter)) continue
    if ((reason !== null) !== (drift.events !== '0' || drift.quantity !== '0'))
      throw new Violation(
        laws.sized,
        `${meter} of tenant ${tenant.number}: ${drift.events} events, but ${reason}`,
      )
    if (reason !== null && !(driftSinceMs !== null && driftSinceMs <= world.time.nowMs))
      throw new Violation(laws.sized, `${meter} of tenant ${tenant.number} has a drift since ${driftSinceMs}`)
  }
}
