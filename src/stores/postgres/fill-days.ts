// Days for what was settled before there were days: the last step of a migration, customer by customer. Reads go through the
// view `usage_by_day`, which is made when all have theirs: so whoever reads too soon is refused, and gets no number that lacks something.

import { sql } from 'drizzle-orm'
import { type Db, rows } from './db.ts'

/** Of one step, which keeps settling waiting. */
const HOURS_PER_STEP = 50_000

/** Cut off anywhere, it begins again. */
export async function fillDays(db: Db): Promise<void> {
  const [view] = await rows(db, sql`select to_regclass('usage_by_day')::text as name`)
  if (view?.name) return
  const [gone] = await rows(
    db,
    sql`select id::text as tenant from tenants where hours_from is not null limit 1`,
  )
  if (gone) throw new Error(`Days can't be made from hours: those of tenant ${gone.tenant} were dropped`)
  let after: { tenant: string; customer: string } | null = null
  do after = await fillSome(db, after)
  while (after !== null)
  await db.execute(sql`create or replace view usage_by_day as
    select tenant_id, customer_id, meter, month + (d - 1) as day, groups, '00000000-0000-0000-0000-000000000000'::uuid as distinct_value,
      merge, day_a[d] as a, day_b[d] as b, day_ab[d] as ab
    from usage_days cross join generate_series(1, 31) as d where merge <> 'once' and days & (1 << (d - 1)) <> 0
    union all
    select tenant_id, customer_id, meter, month + (d - 1), groups, value, 'once', 0, 0, 0
    from usage_values cross join generate_series(1, 31) as d where days & (1 << (d - 1)) <> 0`)
}

/**
 * Customers after this one, until there are enough hours; gives the last one, or null for the end. What settling has merged into
 * their days by now is in their hours, too: so they are made anew as a whole while nothing is settled.
 */
async function fillSome(
  db: Db,
  after: { tenant: string; customer: string } | null,
): Promise<{ tenant: string; customer: string } | null> {
  return await db.transaction(async (transaction) => {
    const beyond = after
      ? sql`(tenant_id, customer_id) > (${after.tenant}::uuid, ${after.customer}::text collate "C")`
      : sql`true`
    await transaction.execute(sql`lock table usage in share row exclusive mode`)
    const [last] = (await rows(
      transaction as unknown as Db,
      sql`
      select tenant_id::text as tenant, customer_id as customer from (
        select tenant_id, customer_id from usage where ${beyond} order by tenant_id, customer_id limit ${HOURS_PER_STEP}::int
      ) as next order by tenant_id desc, customer_id desc limit 1`,
    )) as { tenant: string; customer: string }[]
    if (last === undefined) return null
    const these = sql`${beyond} and (tenant_id, customer_id) <= (${last.tenant}::uuid, ${last.customer}::text collate "C")`
    await transaction.execute(sql`delete from usage_days where ${these}`)
    await transaction.execute(sql`delete from usage_values where ${these}`)
    await transaction.execute(sql`
      select usage_days_merge(array(
        select row(tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date, groups, merge,
          case merge when 'once' then usage_digest(distinct_value) end, a, b,
          case merge when 'add' then a * (extract(epoch from bucket) * 1000)::bigint else 0 end, null)::usage_day
        from usage left join tenants on id = tenant_id where customer_id <> '' and ${these}))`)
    return last
  })
}
