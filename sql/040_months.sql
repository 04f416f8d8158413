-- Large tables of facts in a partition per month, and the days of each account that were collected.

-- Whether some partition takes rows of that day.
create function sujip.has_partition(parent regclass, day date) returns boolean
language sql stable
as $$
  select exists (
    select from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral (select pg_get_expr(c.relpartbound, c.oid) as bound) b
    cross join lateral (
      select substring(bound from 'FROM \(''([^'']*)''\)')::date as lower,
             substring(bound from 'TO \(''([^'']*)''\)')::date as upper) r
    where i.inhparent = parent and not i.inhdetachpending
      -- A bound that is no date is MINVALUE or MAXVALUE.
      and (bound = 'DEFAULT' or (coalesce(lower <= day, true) and coalesce(day < upper, true))))
$$;

-- Makes the partitions that rows of these days need and the table does not have; returns their names. A month each
-- from 2000 to 2049; whatever lies before or behind gets one partition together, so that absurd dates are kept
-- like others and make no thousands of tables. A table is made apart and attached, which locks out neither readers nor
-- writers; two sessions wait for each other, and the second one finds it there.
create function sujip.make_months(parent regclass, days date[]) returns setof text
language plpgsql
as $$
declare
  p record;
  home text;
  base text;
  made text;
begin
  select n.nspname || '_months', c.relname into home, base
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = parent;
  for p in
    select distinct on (label) label, lower, upper, day
    from (select d as day,
                 case when d < '2000-01-01' then 'before' when d >= '2050-01-01' then 'after'
                      else to_char(d, 'YYYY_MM') end as label,
                 case when d < '2000-01-01' then 'minvalue' when d >= '2050-01-01' then '''2050-01-01'''
                      else quote_literal(to_char(d, 'YYYY-MM-01')) end as lower,
                 case when d < '2000-01-01' then '''2000-01-01''' when d >= '2050-01-01' then 'maxvalue'
                      else quote_literal(to_char(d + interval '1 month', 'YYYY-MM-01')) end as upper
          from unnest(days) as d
          where not sujip.has_partition(parent, d)) wanted
    order by label
  loop
    execute format('lock table %s in share update exclusive mode', parent);
    continue when sujip.has_partition(parent, p.day);
    if to_regnamespace(home) is null then
      perform pg_advisory_xact_lock(hashtext('sujip.make_months'));
      execute format('create schema if not exists %I', home);
    end if;
    -- A month that was detached by hand keeps its name.
    made := base || '_' || p.label;
    for n in 2 .. 100 loop
      exit when to_regclass(format('%I.%I', home, made)) is null;
      made := base || '_' || p.label || '_' || n;
    end loop;
    begin
      execute format('create table %I.%I (like %s including all excluding indexes excluding identity excluding comments) '
                     'with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)', home, made, parent);
      execute format('alter table %s attach partition %I.%I for values from (%s) to (%s)', parent, home, made,
                     p.lower, p.upper);
      return next format('%I.%I', home, made);
    exception when invalid_object_definition then
      -- Partitions made by hand hold a part of it: rows of the rest are refused, one by one.
      raise warning 'no partition % of %: %', p.label, parent, sqlerrm;
    end;
  end loop;
end $$;

-- Makes the schema of a generation, with tables, keys, defaults and indexes as readers see them now. Tables that
-- it has are left alone. `months`: the tables to be partitioned, each with its column of the date.
drop function sujip.make_generation(int, text[]);
create function sujip.make_generation(wanted int, datasets text[], months jsonb default '{}') returns void
language plpgsql
as $$
declare
  t record;
begin
  execute format('create schema if not exists sujip_g%s', wanted);
  for t in
    select distinct on (r.relname) r.relname as name, r.oid::regclass as source, months ->> r.relname as month_of
    from sujip.generation_live l
    join pg_class r on r.relkind in ('r', 'p')
                   and r.relnamespace = to_regnamespace('sujip_g' || l.number)
    where r.relname in ('change_log', 'dead_letter')
       or (r.relname = 'product_price_history' and (datasets is null or 'product' = any (datasets)))
       or datasets is null
       or regexp_replace(r.relname, '_rollup$', '') = any (datasets)
    order by r.relname, (l.dataset = regexp_replace(r.relname, '_rollup$', '')) desc, (l.dataset = '') desc
  loop
    continue when to_regclass(format('sujip_g%s.%I', wanted, t.name)) is not null;
    if t.month_of is not null then
      begin
        execute format('create table sujip_g%s.%I (like %s including all) partition by range (%I)', wanted, t.name,
                       t.source, t.month_of);
        continue;
      exception when feature_not_supported then
        -- A unique index of somebody that does not hold the date.
        raise warning 'sujip_g%.% is not partitioned: %', wanted, t.name, sqlerrm;
      end;
    end if;
    execute format('create table sujip_g%s.%I (like %s including all) with (fillfactor = 80, '
                   'autovacuum_vacuum_scale_factor = 0.02)', wanted, t.name, t.source);
  end loop;
end $$;

-- The runs of a day, for the views below.
do $$
declare
  t record;
begin
  for t in select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname ~ '^sujip_g\d+$' and c.relname = 'change_log' and c.relkind = 'r' loop
    execute format('create index change_log_day on %s (dataset, sujip.as_date(slice))', t.name);
  end loop;
end $$;

-- Keeps sujip.<dataset>_daily: one line per source, account, day that was collected, and currency. `totals` is the
-- grain of sums by source and account. Measures it has shown it shows for good, in their places.
create function sujip.show_daily(dataset text, totals text, measures text[]) returns void
language plpgsql
as $$
declare
  fixed constant text[] := '{source,account,day,currency,collected_at,run,partial,rows}';
  shown constant text := dataset || '_daily';
  sums constant text := format('sujip.%I', dataset || '_rollup');
  list text;
  wanted text;
begin
  if to_regclass(sums) is null then return; end if;
  perform pg_advisory_xact_lock(hashtext('sujip.show_live_generation'));
  select string_agg(format(', case when r.rows is not null then r.%1$I when c.empty then 0 end as %1$I', m.name), ''
                    order by m.later, m.nth)
  into list
  from (select a.attname::text as name, 0 as later, a.attnum::bigint as nth from pg_attribute a
        where a.attrelid = to_regclass(format('sujip.%I', shown)) and a.attnum > cardinality(fixed)
        union all
        select w.name, 1, w.nth from unnest(measures) with ordinality as w (name, nth)
        where w.name <> all (fixed)
          and exists (select from pg_attribute a where a.attrelid = to_regclass(sums) and a.attname = w.name)
          and not exists (select from pg_attribute a where a.attrelid = to_regclass(format('sujip.%I', shown))
                          and a.attname = w.name)) m;
  wanted := format($view$
select c.source, c.account, c.day, r.currency, c.collected_at, c.run, c.partial,
       case when r.rows is not null then r.rows when c.empty then 0 end as rows%1$s
from (
  select s.*, not s.partial and s.living = 0 as empty
  from (
    select l.source, l.account, sujip.as_date(l.slice) as day, max(l.snapshot_at) as collected_at, max(l.run) as run,
           coalesce((array_agg(l.verdict order by l.run desc) filter (where l.verdict <> 'same'))[1] = 'partial',
                    false) as partial,
           (array_agg(l.created + l.updated + l.minor + l.same order by l.run desc))[1] as living
    from sujip.change_log l
    where l.dataset = %2$L and l.verdict in ('accepted', 'released', 'partial', 'same')
      and sujip.as_date(l.slice) is not null
    group by 1, 2, 3) s) c
left join %3$s r on r.grain = %4$L and r.period = 'day' and r.period_start = c.day
                and r.source = c.source and r.account = c.account$view$, coalesce(list, ''), dataset, sums, totals);
  if to_regclass(format('sujip.%I', shown)) is not null and exists (
       select from sujip.generation_view v where v.name = shown and v.definition = wanted) then
    return;
  end if;
  execute format('create or replace view sujip.%I as %s', shown, wanted);
  execute format('comment on view sujip.%I is %L', shown,
                 '수집된 날 (days that were collected, by account: 0 where there was nothing, no line where nobody asked)');
  insert into sujip.generation_view values (shown, wanted)
  on conflict (name) do update set definition = excluded.definition;
end $$;
