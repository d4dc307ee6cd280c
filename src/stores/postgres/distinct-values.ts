// How many distinct values there are in days, as part of a statement. Each month has their number, and that of each of its days:
// where one of these is all of what is counted together, it is taken, however many they are. Else they are counted, and one
// that is in several months, or in several groups, once. What hours and live counters add is looked up, value by value.

import { type SQL, sql } from 'drizzle-orm'

/** The number, where a row of `usage_days` has it: all of its days are wanted (`bits` is null, or has them), or one. */
export const knownNumber = (bits: SQL): SQL => sql`case when ${bits} is null or days & ~${bits} = 0 then b
  when days & ${bits} & ((days & ${bits}) - 1) = 0 then (
    select day_a[d] from generate_series(1, 31) as d where days & ${bits} = 1 << (d - 1)) end`

/**
 * CTEs: of `sets`, a table of (of_customer, own_meter, month, groups, bits, number) and of what is counted together by, `together`, makes
 * `set_numbers` (…together, number).
 */
export const setNumbers = (tenantId: string, together: SQL): SQL => sql`
  set_numbers as (
    select ${together}, case when count(*) = 1 and min(number) is not null then min(number) else
      usage_values_number(${tenantId}::uuid, of_customer, array_agg(own_meter), array_agg(month), array_agg(groups), array_agg(bits))
    end as number
    from sets group by ${together}, of_customer
  )`

/** Whether a value is in one of the sets that it is counted together with. */
export const inSets = (tenantId: string, value: SQL, isTogether: SQL): SQL => sql`(
  select true from sets cross join lateral (
    select 1 from usage_values as known
    where known.tenant_id = ${tenantId}::uuid and known.customer_id = of_customer and known.meter = own_meter
      and known.month = sets.month and known.groups = sets.groups and known.value = ${value}
      and (sets.bits is null or known.days & sets.bits <> 0) offset 0
  ) as found where ${isTogether} limit 1) is true`
