// Whether reconciliation tells the truth: nothing where nothing is lost, and where something is, how much.

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
    for (const { meter, drift, reason } of meters) {
      if (!baseMeters.some(({ key, resourceType }) => key === meter && resourceType === kind)) continue
      const { known, all } = world.acceptances.lost(
        tenant.number,
        (event) => event.kind === kind && isCountedBy(meter, event),
        countOf,
        (isolate) => world.isReliable(isolate),
      )
      // Less than nothing is missing: what Redis has forgotten is in Postgres, and nobody knows of a loss.
      const missing = reason !== null && reason !== 'counters_went_back'
      const events = missing ? BigInt(drift.events) : 0n
      check(`events lost of ${meter}`, events, BigInt(known.events), BigInt(all.events))
      // Where somebody else's events, or late ones, came between a loss and its notice, they are missing from its quantity.
      if (meter === digitsMeter[kind]) {
        const quantity = missing ? unitsOf(drift.quantity) : 0n
        const exact = known.events === all.events
        check(`quantity lost of ${meter}`, quantity, exact ? known.quantity : quantity, all.quantity)
      }
      if ((reason !== null) !== (drift.events !== '0' || drift.quantity !== '0'))
        throw new Violation(
          laws.sized,
          `${meter} of tenant ${tenant.number}: ${drift.events} events, but ${reason}`,
        )
      if (reason !== null && !(driftSinceMs !== null && driftSinceMs <= world.time.nowMs))
        throw new Violation(
          laws.sized,
          `${meter} of tenant ${tenant.number} has a drift since ${driftSinceMs}`,
        )
    }
  }
}
