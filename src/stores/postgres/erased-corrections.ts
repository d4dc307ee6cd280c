// What corrections hold of events that were erased: properties in their filters and changes, as SQL. What they did stays.

import { type SQL, sql } from 'drizzle-orm'

/** They keep which events they took by type and time, and whose they were: what others' events stand as still follows from them. */
const withoutContents: SQL = sql`filter = jsonb_set(corrections.filter, '{properties}', '[]'), change = corrections.change - 'properties'`

export const erasedCorrections = {
  /** Of one event alone, which was in this block. */
  ofEvents: (tenantId: string, block: string, ids: string[], condition: SQL): SQL => sql`
    update corrections set ${withoutContents}
    where corrections.tenant_id = ${tenantId}::uuid and ${condition} and corrections.blocks @> array[${block}::text]
      and corrections.filter ->> 'eventId' = any(array(select json_array_elements_text(${JSON.stringify(ids)}::json)))`,

  /**
   * Of one customer: all that they can have taken had arrived before they were made, and is erased. One that is not applied yet never
   * will be: with less in its filter it would take more. `finished`: rows of erasures.
   */
  ofCustomers: (finished: SQL): SQL => sql`
    update corrections set ${withoutContents},
      state = case when state in ('draft', 'wanted', 'offered') then 'refused' else state end,
      refusal = case when state in ('draft', 'wanted', 'offered') then 'The events of its customer were erased.' else refusal end
    from ${finished} as f
    where corrections.tenant_id = f.tenant_id and corrections.filter ->> 'customerId' = f.customer_id
      and corrections.created_at <= timestamptz 'epoch' + f.by_micros * interval '1 microsecond'`,
}
