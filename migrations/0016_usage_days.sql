CREATE TABLE "usage_days" (
	"tenant_id" uuid NOT NULL,
	"customer_id" text collate "C" NOT NULL,
	"meter" text collate "C" NOT NULL,
	"day" date NOT NULL,
	"groups" text collate "C" NOT NULL,
	"distinct_value" uuid NOT NULL,
	"merge" text NOT NULL,
	"a" numeric NOT NULL,
	"b" numeric NOT NULL,
	"ab" numeric NOT NULL,
	CONSTRAINT "usage_days_tenant_id_customer_id_meter_day_groups_distinct_value_pk" PRIMARY KEY("tenant_id","customer_id","meter","day","groups","distinct_value")
);
--> statement-breakpoint
-- A day's row is updated as often as its hours are: with room beside it that needs no new place in the index.
ALTER TABLE "usage_days" SET (fillfactor = 70);--> statement-breakpoint
-- base64url of 132 bits, of which 128 are kept; what is something else has a digest of its own.
CREATE FUNCTION usage_digest(distinct_value text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  select case when distinct_value = '' then '00000000-0000-0000-0000-000000000000'::uuid
    when distinct_value ~ '^[A-Za-z0-9_-]{22}$' then encode(decode(translate(distinct_value, '-_', '+/') || '==', 'base64'), 'hex')::uuid
    else md5(distinct_value)::uuid end
$$;--> statement-breakpoint
-- Merges rows of hours, each with its day, into the days, in key order: statements that lock the same rows in different orders would deadlock.
CREATE FUNCTION usage_days_merge(hours usage_days[]) RETURNS void LANGUAGE sql AS $$
  insert into usage_days as days (tenant_id, customer_id, meter, day, groups, distinct_value, merge, a, b, ab)
  select tenant_id, customer_id, meter, day, groups, distinct_value, merge,
    case merge when 'add' then sum(a) when 'min' then min(a)
      when 'latest' then (array_agg(a order by b desc, a desc) filter (where merge = 'latest'))[1] else max(a) end,
    case merge when 'add' then sum(b) else max(b) end,
    sum(ab)
  from unnest(hours) as hour
  group by tenant_id, customer_id, meter, day, groups, distinct_value, merge
  order by tenant_id, customer_id, meter, day, groups, distinct_value
  on conflict (tenant_id, customer_id, meter, day, groups, distinct_value) do update set
    a = case days.merge when 'add' then days.a + excluded.a when 'min' then least(days.a, excluded.a)
      when 'max' then greatest(days.a, excluded.a)
      when 'latest' then case when (excluded.b, excluded.a) > (days.b, days.a) then excluded.a else days.a end
      else days.a end,
    b = case days.merge when 'add' then days.b + excluded.b when 'latest' then greatest(days.b, excluded.b) else days.b end,
    ab = days.ab + excluded.ab
$$;--> statement-breakpoint
-- Makes days anew from their hours; those that have none left go. They are locked first, and then looked at: a statement that has
-- merged another hour has been waited for, and one that will, waits.
CREATE FUNCTION usage_days_anew(keys usage_days[]) RETURNS void LANGUAGE plpgsql AS $$
begin
  perform 1 from usage_days as days join unnest(keys) as key using (tenant_id, customer_id, meter, day, groups, distinct_value)
  order by tenant_id, customer_id, meter, day, groups, distinct_value for update of days;
  with anew as (
    select key.tenant_id, key.customer_id, key.meter, key.day, key.groups, key.distinct_value, count(usage.merge) as hours,
      case key.merge when 'add' then sum(usage.a) when 'min' then min(usage.a)
        when 'latest' then (array_agg(usage.a order by usage.b desc, usage.a desc))[1] else max(usage.a) end as a,
      case key.merge when 'add' then sum(usage.b) else max(usage.b) end as b,
      case key.merge when 'add' then sum(usage.a * (extract(epoch from usage.bucket) * 1000)::bigint) else 0 end as ab
    from (select distinct on (tenant_id, customer_id, meter, day, groups, distinct_value) * from unnest(keys) as sent) as key
    left join tenants on tenants.id = key.tenant_id
    left join usage on usage.tenant_id = key.tenant_id and usage.customer_id = key.customer_id and usage.meter = key.meter
      and usage.bucket >= key.day - interval '1 day' and usage.bucket < key.day + interval '2 days'
      and (usage.bucket at time zone coalesce(tenants.timezone, 'UTC'))::date = key.day
      and usage.groups = key.groups and usage_digest(usage.distinct_value) = key.distinct_value
    group by key.tenant_id, key.customer_id, key.meter, key.day, key.groups, key.distinct_value, key.merge
  ), gone as (
    delete from usage_days as days using anew
    where hours = 0 and (days.tenant_id, days.customer_id, days.meter, days.day, days.groups, days.distinct_value)
      = (anew.tenant_id, anew.customer_id, anew.meter, anew.day, anew.groups, anew.distinct_value)
  )
  update usage_days as days set a = anew.a, b = anew.b, ab = anew.ab from anew
  where hours > 0 and (days.tenant_id, days.customer_id, days.meter, days.day, days.groups, days.distinct_value)
    = (anew.tenant_id, anew.customer_id, anew.meter, anew.day, anew.groups, anew.distinct_value);
end $$;--> statement-breakpoint
CREATE FUNCTION usage_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  perform usage_days_merge(array(
    select row(tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date, groups,
      usage_digest(distinct_value), merge, a, b,
      case merge when 'add' then a * (extract(epoch from bucket) * 1000)::bigint else 0 end)::usage_days
    from inserted left join tenants on id = tenant_id where customer_id <> ''));
  return null;
end $$;--> statement-breakpoint
CREATE FUNCTION usage_updated() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  merged usage_days[];
  anew usage_days[];
begin
  -- What adds by the difference; the others merge where they have moved in their own direction, and are made anew where not.
  select
    array_agg(row(tenant_id, customer_id, meter, day, groups, digest, merge, a, b, ab)::usage_days) filter (where not worse),
    array_agg(row(tenant_id, customer_id, meter, day, groups, digest, merge, a, b, ab)::usage_days) filter (where worse)
  into merged, anew
  from (
    select tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date as day, groups,
      usage_digest(distinct_value) as digest, after.merge,
      case after.merge when 'add' then after.a - before.a else after.a end as a,
      case after.merge when 'add' then after.b - before.b else after.b end as b,
      case after.merge when 'add' then (after.a - before.a) * (extract(epoch from bucket) * 1000)::bigint else 0 end as ab,
      case after.merge when 'min' then after.a > before.a when 'max' then after.a < before.a
        when 'latest' then (after.b, after.a) < (before.b, before.a) else false end as worse
    from after join before using (tenant_id, customer_id, meter, bucket, groups, distinct_value)
    left join tenants on id = tenant_id
    where customer_id <> '' and after.merge <> 'once' and (after.a, after.b) is distinct from (before.a, before.b)
  ) as changed;
  if merged is not null then perform usage_days_merge(merged); end if;
  if anew is not null then perform usage_days_anew(anew); end if;
  return null;
end $$;--> statement-breakpoint
CREATE FUNCTION usage_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  perform usage_days_anew(array(
    select row(tenant_id, customer_id, meter, (bucket at time zone coalesce(timezone, 'UTC'))::date, groups,
      usage_digest(distinct_value), merge, 0, 0, 0)::usage_days
    from deleted left join tenants on id = tenant_id where customer_id <> ''));
  return null;
end $$;--> statement-breakpoint
CREATE TRIGGER usage_inserted AFTER INSERT ON "usage" REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION usage_inserted();--> statement-breakpoint
CREATE TRIGGER usage_updated AFTER UPDATE ON "usage" REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION usage_updated();--> statement-breakpoint
CREATE TRIGGER usage_deleted AFTER DELETE ON "usage" REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION usage_deleted();
