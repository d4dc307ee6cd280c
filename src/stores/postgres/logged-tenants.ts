// Since when a tenant's log has all that was counted. Settling sees it: a segment that holds more events of a tenant than its
// blocks do was recorded, in part at least, by a server without a log.

import { type SQL, sql } from 'drizzle-orm'
import { type Counter, LOG_METER, TALLY_CUSTOMER } from '../../metering/counter.ts'
import type { BlockRow } from '../../metering/ports.ts'

/** By tenant, whether all of it is in the log: no meter took more events, by its tallies, than were logged. */
export function loggedTenants(
  counters: Counter[],
  blocks: Pick<BlockRow, 'tenantId' | 'events'>[],
): Map<string, boolean> {
  const logged = new Map<string, number>()
  for (const { tenantId, events } of blocks) logged.set(tenantId, (logged.get(tenantId) ?? 0) + events)
  const taken = new Map<string, number>()
  const found = new Map<string, boolean>()
  for (const { tenantId, customerId, meter, merge, a } of counters) {
    if (meter === LOG_METER) continue
    if (!found.has(tenantId)) found.set(tenantId, logged.has(tenantId))
    if (customerId !== TALLY_CUSTOMER || merge !== 'add') continue
    const ofMeter = `${tenantId} ${meter}`
    const events = (taken.get(ofMeter) ?? 0) + Number(a)
    taken.set(ofMeter, events)
    if (events > (logged.get(tenantId) ?? 0)) found.set(tenantId, false)
  }
  return found
}

/**
 * Forgets since when, where something is not in the log, and says that it is from now on where it wasn't known and all is. The
 * tenants' rows are locked before any row of usage is, as in every statement that locks both.
 */
export function sinceWhen(tenants: Map<string, boolean>): SQL {
  const sent = [...tenants].map(([t, whole]) => ({ t, whole }))
  return sql`
      update tenants set log_since = case when whole then now() end
      from (
        select id, whole from tenants join json_to_recordset(${JSON.stringify(sent)}::json) as sent (t uuid, whole boolean) on id = t
        where whole = (log_since is null)
        order by id for no key update of tenants
      ) as moving
      where tenants.id = moving.id
      returning 1`
}
