// Whether events of some hours may be gone from the log by erasure, as SQL. Counted anew without them, totals would be lower.
// By all erasures of a tenant: whose events a meter counted then is not known any more.

import { type SQL, sql } from 'drizzle-orm'
import { LOG_SINCE_SLACK_MS } from '../../metering/limits.ts'

const SLACK = sql`${LOG_SINCE_SLACK_MS}::int * interval '1 millisecond'`

/** Whether an event was moved in time: then it may be in hours that are later than its arrival. */
const moved = (tenant: SQL): SQL => sql`exists (select 1 from corrections
  where corrections.tenant_id = ${tenant} and corrections.state = 'applied' and corrections.change -> 'timestampMs' is not null)`

/**
 * Of hours from an instant on: the last erasure that took, or may take, something of them out of the log, as jsonb; null: none did.
 * An erasure is entered before anything is taken out for it: so a read of the log that lacks an event is followed by this.
 */
export const erasedSince = (tenant: SQL, from: SQL): SQL => sql`(
  select jsonb_build_object('customer', customer_id, 'by', by_micros, 'moved', ${moved(tenant)}) from erasures
  where erasures.tenant_id = ${tenant} and (done_at is null or blocks > 0)
    and (${from} < timestamptz 'epoch' + by_micros * interval '1 microsecond' + ${SLACK} or ${moved(tenant)})
  order by by_micros desc limit 1)`
