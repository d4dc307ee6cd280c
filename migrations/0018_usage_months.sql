-- A month of days a row, where it was a day a row: a bill touches as many rows as it has counters. They are made again from the
-- hours by the last step of `npm run migrate`.
DROP VIEW IF EXISTS "usage_by_day";--> statement-breakpoint
DROP FUNCTION usage_days_merge(usage_days[]);--> statement-breakpoint
DROP FUNCTION usage_days_anew(usage_days[]);--> statement-breakpoint
DROP TABLE "usage_days";--> statement-breakpoint
CREATE TABLE "usage_days" (
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"meter" text collate "C" NOT NULL,
	"month" date NOT NULL,
	"groups" text collate "C" NOT NULL,
	"merge" text NOT NULL,
	"days" integer NOT NULL,
	"has_hours" boolean DEFAULT true NOT NULL,
	"a" numeric NOT NULL,
	"b" numeric NOT NULL,
	"ab" numeric NOT NULL,
	"day_a" numeric[] NOT NULL,
	"day_b" numeric[] NOT NULL,
	"day_ab" numeric[] NOT NULL,
	CONSTRAINT "usage_days_tenant_id_customer_id_meter_month_groups_pk" PRIMARY KEY("tenant_id","customer_id","meter","month","groups")
);
--> statement-breakpoint
-- A row is updated as often as its hours are: with room beside it that needs no new place in the index. A whole one may be 3 kB:
-- compressed, it would be taken apart at each of these.
ALTER TABLE "usage_days" SET (fillfactor = 70, toast_tuple_target = 8160);--> statement-breakpoint
CREATE INDEX "usage_days_hours" ON "usage_days" ("tenant_id","month") WHERE has_hours;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "hours_from" timestamp with time zone;--> statement-breakpoint
CREATE TABLE "usage_values" (
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"meter" text collate "C" NOT NULL,
	"month" date NOT NULL,
	"groups" text collate "C" NOT NULL,
	"value" uuid NOT NULL,
	"days" integer NOT NULL,
	CONSTRAINT "usage_values_tenant_id_customer_id_meter_month_groups_value_pk" PRIMARY KEY("tenant_id","customer_id","meter","month","groups","value") INCLUDE ("days")
);
--> statement-breakpoint
-- What merges into days: an hour, or a day of hours that are merged. Those of one month are entered one after the other, by `nth`.
CREATE TYPE usage_day AS (
  tenant_id uuid, customer_id text, meter text, day date, groups text, merge text, value uuid, a numeric, b numeric, ab numeric, nth bigint
);--> statement-breakpoint
CREATE FUNCTION usage_month(day date) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select day - (extract(day from day)::int - 1)
$$;--> statement-breakpoint
CREATE FUNCTION usage_bit(day date) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select 1 << (extract(day from day)::int - 1)
$$;--> statement-breakpoint
-- How two of them merge. `once`: numbers of values, which add up.
CREATE FUNCTION usage_merged_a(merge text, a numeric, b numeric, more_a numeric, more_b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select case merge when 'min' then least(a, more_a) when 'max' then greatest(a, more_a)
    when 'latest' then case when b is null or (more_b, more_a) > (b, a) then more_a else a end
    else coalesce(a, 0) + more_a end
$$;--> statement-breakpoint
CREATE FUNCTION usage_merged_b(merge text, b numeric, more_b numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select case when merge in ('add', 'once') then coalesce(b, 0) + more_b else greatest(b, more_b) end
$$;--> statement-breakpoint
-- Merges days, each of which is there once, into their months.
CREATE FUNCTION usage_days_put(sent usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
declare
  passes bigint := (select max(nth) from unnest(sent));
begin
  -- All rows are locked by the first pass, in key order: statements that lock the same rows in different orders would deadlock.
  for pass in 1..coalesce(passes, 0) loop
    insert into usage_days as days (tenant_id, customer_id, meter, month, groups, merge, days, a, b, ab, day_a, day_b, day_ab)
    select tenant_id, customer_id, meter, usage_month(day), groups, merge, usage_bit(day), a, b, ab,
      array_fill(a, array[1], array[extract(day from day)::int]), array_fill(b, array[1], array[extract(day from day)::int]),
      array_fill(ab, array[1], array[extract(day from day)::int])
    from unnest(sent) where nth = pass
    order by tenant_id, customer_id collate "C", meter collate "C", usage_month(day), groups collate "C"
    on conflict (tenant_id, customer_id, meter, month, groups) do update set
      days = days.days | excluded.days, has_hours = true,
      a = usage_merged_a(days.merge, days.a, days.b, excluded.a, excluded.b),
      b = usage_merged_b(days.merge, days.b, excluded.b),
      ab = days.ab + excluded.ab,
      day_a[array_lower(excluded.day_a, 1)] = usage_merged_a(days.merge, days.day_a[array_lower(excluded.day_a, 1)],
        days.day_b[array_lower(excluded.day_a, 1)], excluded.a, excluded.b),
      day_b[array_lower(excluded.day_a, 1)] = usage_merged_b(days.merge, days.day_b[array_lower(excluded.day_a, 1)], excluded.b),
      day_ab[array_lower(excluded.day_a, 1)] = coalesce(days.day_ab[array_lower(excluded.day_a, 1)], 0) + excluded.ab;
  end loop;
end $$;--> statement-breakpoint
-- Whoever adds or takes a distinct value holds the row that has their number, and looks only then: else two would count one.
CREATE FUNCTION usage_values_lock(sent usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
begin
  insert into usage_days as days (tenant_id, customer_id, meter, month, groups, merge, days, a, b, ab, day_a, day_b, day_ab)
  select distinct tenant_id, customer_id collate "C", meter collate "C", usage_month(day), groups collate "C", 'once', 0, 0, 0, 0,
    '{}'::numeric[], '{}'::numeric[], '{}'::numeric[]
  from unnest(sent) order by 1, 2, 3, 4, 5
  on conflict (tenant_id, customer_id, meter, month, groups) do update set has_hours = true where not days.has_hours;
  perform 1 from usage_days as days join (
    select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from unnest(sent)
  ) as key using (tenant_id, customer_id, meter, month, groups)
  order by tenant_id, customer_id, meter, month, groups for update of days;
end $$;--> statement-breakpoint
CREATE FUNCTION usage_values_merge(sent usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
declare
  counted usage_day[];
begin
  perform usage_values_lock(sent);
  with seen as (
    select tenant_id, customer_id, meter, usage_month(day) as month, groups, value, bit_or(usage_bit(day)) as days
    from unnest(sent) group by tenant_id, customer_id, meter, usage_month(day), groups, value
  ), added as (
    select seen.*, known.days is null as is_new, seen.days & ~coalesce(known.days, 0) as new_days
    from seen left join usage_values as known using (tenant_id, customer_id, meter, month, groups, value)
    where seen.days & ~coalesce(known.days, 0) <> 0
  ), written as (
    insert into usage_values as known (tenant_id, customer_id, meter, month, groups, value, days)
    select tenant_id, customer_id, meter, month, groups, value, days from added
    on conflict (tenant_id, customer_id, meter, month, groups, value) do update set days = known.days | excluded.days
  ), numbers as (
    select tenant_id, customer_id, meter, month, groups, new_days, count(*) as number, count(*) filter (where is_new) as of_month
    from added group by tenant_id, customer_id, meter, month, groups, new_days
  ), by_day as (
    select tenant_id, customer_id, meter, month + (d - 1) as day, groups, sum(number) as a,
      -- What is new in the month is new on the first of its new days.
      sum(of_month) filter (where new_days & ((1 << (d - 1)) - 1) = 0) as b
    from numbers cross join generate_series(1, 31) as d where new_days & (1 << (d - 1)) <> 0
    group by tenant_id, customer_id, meter, month, groups, d
  )
  select array_agg(row(tenant_id, customer_id, meter, day, groups, 'once', null, a, coalesce(b, 0), 0,
    nth)::usage_day) into counted
  from (select *, row_number() over (partition by tenant_id, customer_id, meter, usage_month(day), groups order by day) as nth from by_day) as numbered;
  perform usage_days_put(counted);
end $$;--> statement-breakpoint
-- Merges hours, each with its day, into the days.
CREATE FUNCTION usage_days_merge(hours usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
declare
  whole usage_day[];
  seen usage_day[];
begin
  select array_agg(row(tenant_id, customer_id, meter, day, groups, merge, null, a, b, ab, nth)::usage_day) into whole
  from (
    select tenant_id, customer_id, meter, day, groups, merge,
      case merge when 'add' then sum(a) when 'min' then min(a)
        when 'latest' then (array_agg(a order by b desc, a desc) filter (where merge = 'latest'))[1] else max(a) end as a,
      case merge when 'add' then sum(b) else max(b) end as b, sum(ab) as ab,
      row_number() over (partition by tenant_id, customer_id, meter, usage_month(day), groups order by day) as nth
    from unnest(hours) where merge <> 'once'
    group by tenant_id, customer_id, meter, day, groups, merge
  ) as merged;
  if whole is not null then perform usage_days_put(whole); end if;
  select array_agg(row(tenant_id, customer_id, meter, day, groups, merge, value, a, b, ab, nth)::usage_day) into seen
  from unnest(hours) where merge = 'once';
  if seen is not null then perform usage_values_merge(seen); end if;
end $$;--> statement-breakpoint
CREATE FUNCTION usage_values_anew(keys usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
declare
  taken usage_day[];
begin
  perform usage_values_lock(keys);
  with gone as (
    select tenant_id, customer_id, meter, usage_month(day) as month, groups, value, bit_or(usage_bit(day)) as days
    from (select distinct tenant_id, customer_id, meter, day, groups, value from unnest(keys)) as key
    where not exists (
      select 1 from usage left join tenants on tenants.id = key.tenant_id
      where usage.tenant_id = key.tenant_id and usage.customer_id = key.customer_id and usage.meter = key.meter
        and usage.bucket >= key.day - interval '1 day' and usage.bucket < key.day + interval '2 days'
        and (usage.bucket at time zone coalesce(tenants.timezone, 'UTC'))::date = key.day
        and usage.groups = key.groups and usage_digest(usage.distinct_value) = key.value)
    group by tenant_id, customer_id, meter, usage_month(day), groups, value
  ), taken_values as (
    select gone.*, known.days & gone.days as old_days, known.days & ~gone.days = 0 as is_last
    from gone join usage_values as known using (tenant_id, customer_id, meter, month, groups, value)
  ), deleted as (
    delete from usage_values as known using taken_values as gone
    where is_last and (known.tenant_id, known.customer_id, known.meter, known.month, known.groups, known.value)
      = (gone.tenant_id, gone.customer_id, gone.meter, gone.month, gone.groups, gone.value)
  ), lessened as (
    update usage_values as known set days = known.days & ~gone.days from taken_values as gone
    where not is_last and (known.tenant_id, known.customer_id, known.meter, known.month, known.groups, known.value)
      = (gone.tenant_id, gone.customer_id, gone.meter, gone.month, gone.groups, gone.value)
  ), by_day as (
    select tenant_id, customer_id, meter, month + (d - 1) as day, groups, -count(*) as a,
      -(count(*) filter (where is_last and old_days & ((1 << (d - 1)) - 1) = 0)) as b
    from taken_values cross join generate_series(1, 31) as d where old_days & (1 << (d - 1)) <> 0
    group by tenant_id, customer_id, meter, month, groups, d
  )
  select array_agg(row(tenant_id, customer_id, meter, day, groups, 'once', null, a, b, 0, nth)::usage_day) into taken
  from (select *, row_number() over (partition by tenant_id, customer_id, meter, usage_month(day), groups order by day) as nth from by_day) as numbered;
  perform usage_days_put(taken);
  update usage_days as days set days = (
    select coalesce(bit_or(1 << (d - 1)), 0) from generate_series(1, 31) as d where day_a[d] <> 0)
  from (select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from unnest(keys)) as key
  where (days.tenant_id, days.customer_id, days.meter, days.month, days.groups) = (key.tenant_id, key.customer_id, key.meter, key.month, key.groups);
end $$;--> statement-breakpoint
-- Makes days of what does not add anew from their hours; those that have none left go. They are locked first, and then looked at: a statement that has
-- merged another hour has been waited for, and one that will, waits. Days whose hours are dropped can't be made anew.
CREATE FUNCTION usage_days_anew(keys usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
declare
  seen usage_day[] := array(select row(key.*)::usage_day from unnest(keys) as key where merge = 'once');
begin
  if exists (select 1 from unnest(keys) join tenants on id = tenant_id where day < (hours_from at time zone timezone)::date) then
    raise exception 'hours_gone';
  end if;
  perform 1 from usage_days as days join (
    select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from unnest(keys)
  ) as key using (tenant_id, customer_id, meter, month, groups)
  order by tenant_id, customer_id, meter, month, groups for update of days;
  if cardinality(seen) > 0 then perform usage_values_anew(seen); end if;
  with anew as (
    select key.tenant_id, key.customer_id, key.meter, key.day, key.groups, count(usage.merge) as hours,
      case key.merge when 'min' then min(usage.a)
        when 'latest' then (array_agg(usage.a order by usage.b desc, usage.a desc))[1] else max(usage.a) end as a,
      max(usage.b) as b, case when count(usage.merge) > 0 then 0 end as ab
    from (select distinct tenant_id, customer_id, meter, day, groups, merge from unnest(keys) where merge <> 'once') as key
    left join tenants on tenants.id = key.tenant_id
    left join usage on usage.tenant_id = key.tenant_id and usage.customer_id = key.customer_id and usage.meter = key.meter
      and usage.bucket >= key.day - interval '1 day' and usage.bucket < key.day + interval '2 days'
      and (usage.bucket at time zone coalesce(tenants.timezone, 'UTC'))::date = key.day and usage.groups = key.groups
    group by key.tenant_id, key.customer_id, key.meter, key.day, key.groups, key.merge
  ), elements as (
    select days.tenant_id, days.customer_id, days.meter, days.month, days.groups, days.merge, d,
      case when anew.day is null then day_a[d] else anew.a end as a,
      case when anew.day is null then day_b[d] else anew.b end as b,
      case when anew.day is null then day_ab[d] else anew.ab end as ab
    from usage_days as days
    join (select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from anew) as touched
      using (tenant_id, customer_id, meter, month, groups)
    cross join generate_series(1, 31) as d
    left join anew on (anew.tenant_id, anew.customer_id, anew.meter, usage_month(anew.day), anew.groups, extract(day from anew.day)::int)
      = (days.tenant_id, days.customer_id, days.meter, days.month, days.groups, d)
  ), months as (
    select tenant_id, customer_id, meter, month, groups, coalesce(bit_or(1 << (d - 1)) filter (where a is not null), 0) as days,
      case merge when 'min' then min(a)
        when 'latest' then (array_agg(a order by b desc, a desc) filter (where merge = 'latest' and a is not null))[1] else max(a) end as a,
      max(b) as b, sum(ab) as ab,
      array_agg(a order by d) as day_a, array_agg(b order by d) as day_b, array_agg(ab order by d) as day_ab
    from elements group by tenant_id, customer_id, meter, month, groups, merge
  )
  update usage_days as days set days = months.days, a = coalesce(months.a, 0), b = coalesce(months.b, 0), ab = coalesce(months.ab, 0),
    day_a = months.day_a, day_b = months.day_b, day_ab = months.day_ab
  from months
  where (days.tenant_id, days.customer_id, days.meter, days.month, days.groups)
    = (months.tenant_id, months.customer_id, months.meter, months.month, months.groups);
  delete from usage_days as days using (
    select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from unnest(keys)
  ) as key
  where days.days = 0 and (days.tenant_id, days.customer_id, days.meter, days.month, days.groups)
    = (key.tenant_id, key.customer_id, key.meter, key.month, key.groups);
end $$;--> statement-breakpoint
-- Days that have no hour left, and did not lose them for their age, are none.
CREATE FUNCTION usage_days_emptied(keys usage_day[]) RETURNS void LANGUAGE plpgsql AS $$
begin
  update usage_days as days set
    days = days.days & ~empty.bits,
    day_a = array(select case when empty.bits & (1 << (d - 1)) = 0 then day_a[d] end from generate_series(1, 31) as d order by d),
    day_b = array(select case when empty.bits & (1 << (d - 1)) = 0 then day_b[d] end from generate_series(1, 31) as d order by d),
    day_ab = array(select case when empty.bits & (1 << (d - 1)) = 0 then day_ab[d] end from generate_series(1, 31) as d order by d)
  from (
    select key.tenant_id, key.customer_id, key.meter, usage_month(key.day) as month, key.groups, bit_or(usage_bit(key.day)) as bits
    from unnest(keys) as key left join tenants on tenants.id = key.tenant_id
    where coalesce(key.day >= (hours_from at time zone timezone)::date, true) and not exists (
      select 1 from usage
      where usage.tenant_id = key.tenant_id and usage.customer_id = key.customer_id and usage.meter = key.meter
        and usage.bucket >= key.day - interval '1 day' and usage.bucket < key.day + interval '2 days'
        and (usage.bucket at time zone coalesce(tenants.timezone, 'UTC'))::date = key.day and usage.groups = key.groups)
    group by key.tenant_id, key.customer_id, key.meter, usage_month(key.day), key.groups
  ) as empty
  where (days.tenant_id, days.customer_id, days.meter, days.month, days.groups)
    = (empty.tenant_id, empty.customer_id, empty.meter, empty.month, empty.groups);
  delete from usage_days as days using (
    select distinct tenant_id, customer_id, meter, usage_month(day) as month, groups from unnest(keys)
  ) as key
  where days.days = 0 and (days.tenant_id, days.customer_id, days.meter, days.month, days.groups)
    = (key.tenant_id, key.customer_id, key.meter, key.month, key.groups);
end $$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION usage_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  perform usage_days_merge(array(
    select row(tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date, groups, merge,
      case merge when 'once' then usage_digest(distinct_value) end, a, b,
      case merge when 'add' then a * (extract(epoch from bucket) * 1000)::bigint else 0 end, null)::usage_day
    from inserted left join tenants on id = tenant_id where customer_id <> ''));
  return null;
end $$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION usage_updated() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  merged usage_day[];
  anew usage_day[];
begin
  -- What adds by the difference; the others merge where they have moved in their own direction, and are made anew where not.
  select
    array_agg(row(tenant_id, customer_id, meter, day, groups, merge, null, a, b, ab, null)::usage_day) filter (where not worse),
    array_agg(row(tenant_id, customer_id, meter, day, groups, merge, null, a, b, ab, null)::usage_day) filter (where worse)
  into merged, anew
  from (
    select tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date as day, groups, merge,
      case merge when 'add' then a - old_a else a end as a,
      case merge when 'add' then b - old_b else b end as b,
      case merge when 'add' then (a - old_a) * (extract(epoch from bucket) * 1000)::bigint else 0 end as ab,
      case merge when 'min' then a > old_a when 'max' then a < old_a
        when 'latest' then (b, a) < (old_b, old_a) else false end as worse
    from (
      -- No join: its plan is kept, and was made for as few rows as the first statement had.
      select tenant_id, customer_id, meter, bucket, groups, merge, max(a) filter (where is_new) as a, max(b) filter (where is_new) as b,
        max(a) filter (where not is_new) as old_a, max(b) filter (where not is_new) as old_b
      from (select *, true as is_new from after union all select *, false from before) as both_of_each
      where customer_id <> '' and merge <> 'once'
      group by tenant_id, customer_id, meter, bucket, groups, distinct_value, merge
    ) as rows left join tenants on id = tenant_id
    where (a, b) is distinct from (old_a, old_b)
  ) as changed;
  if merged is not null then perform usage_days_merge(merged); end if;
  if anew is not null then perform usage_days_anew(anew); end if;
  return null;
end $$;--> statement-breakpoint
CREATE OR REPLACE FUNCTION usage_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  taken usage_day[];
  anew usage_day[];
begin
  -- Hours that are dropped for their age leave their days as they are.
  if current_setting('tollgate.dropping', true) = 'on' then return null; end if;
  -- What adds is taken off: made anew, a day would have what the same statement does to other hours of it, and get that once more
  -- from their own trigger. What merges bears that.
  select
    array_agg(row(tenant_id, customer_id, meter, day, groups, merge, null, -a, -b, -a * ms, null)::usage_day) filter (where merge = 'add'),
    array_agg(row(tenant_id, customer_id, meter, day, groups, merge, value, 0, 0, 0, null)::usage_day) filter (where merge <> 'add')
  into taken, anew
  from (
    select tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date as day, groups, merge,
      case merge when 'once' then usage_digest(distinct_value) end as value, a, b, (extract(epoch from bucket) * 1000)::bigint as ms
    from deleted left join tenants on id = tenant_id where customer_id <> ''
  ) as hours;
  if taken is not null then
    perform usage_days_merge(taken);
    perform usage_days_emptied(taken);
  end if;
  if anew is not null then perform usage_days_anew(anew); end if;
  return null;
end $$;--> statement-breakpoint
-- How many distinct values there are in these months, or in some days of them, together. Stable: it sees what the statement does
-- that calls it. Its own plan: whoever plans a statement with it need not guess at a million rows.
CREATE FUNCTION usage_values_number(of_tenant uuid, of_customer text, meters text[], months date[], grouped text[], bits int[])
RETURNS bigint LANGUAGE plpgsql STABLE SET jit = off SET work_mem = '32MB' AS $$
begin
  if cardinality(months) = 1 then
    return (select count(*) from usage_values
      where tenant_id = of_tenant and customer_id = of_customer and meter = meters[1] and month = months[1] and groups = grouped[1]
        and (bits[1] is null or days & bits[1] <> 0));
  end if;
  return (select count(*) from (
    select distinct value from unnest(meters, months, grouped, bits) as wanted (meter, month, groups, bits)
    join usage_values as known using (meter, month, groups)
    where tenant_id = of_tenant and customer_id = of_customer and (wanted.bits is null or days & wanted.bits <> 0)) as seen);
end $$;
