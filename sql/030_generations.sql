-- Generations: what is made from the raw topics lies in a schema per generation, sujip_g<N>, and sujip has
-- plain views of the live one. Here what there is becomes generation 1; nothing is copied.

create table sujip.generation (
  number       int         primary key,
  state        text        not null check (state in ('building', 'ready', 'live', 'former', 'dropping', 'dropped')),
  datasets     text[],                    -- sorted; null: all
  from_date    date,                      -- of the scopes it holds, both included
  to_date      date,
  mapping      text,                      -- of one source, instead of its own; null: as the connectors say
  mapping_file text,
  created_at   timestamptz not null default now(),
  ready_at     timestamptz,               -- caught up
  swapped_at   timestamptz                -- last became live
);
-- Which one readers see, by dataset; '' stands for those that are not named.
create table sujip.generation_live (
  dataset text primary key,
  number  int  not null references sujip.generation (number)
);
-- The views as they are, so that only those that change are locked.
create table sujip.generation_view (
  name       text primary key,
  definition text not null
);
insert into sujip.generation (number, state) values (1, 'live');
insert into sujip.generation_live (dataset, number) values ('', 1);

create function sujip.live_generation(wanted text) returns int
language sql stable
as $$ select number from sujip.generation_live where dataset in (wanted, '') order by dataset desc limit 1 $$;

-- Points the views at the tables of the live generation. A view is replaced in place, so that whatever reads
-- it goes on; it gains the columns its table gained and never loses one (a generation that does not have
-- it shows null).
create function sujip.show_live_generation() returns void
language plpgsql
as $$
declare
  t record;
  c record;
  columns text;
  parts text[];
  wanted text;
  shown regclass;
begin
  perform pg_advisory_xact_lock(hashtext('sujip.show_live_generation'));
  for t in
    select r.relname as name, array_agg(g.number order by g.number) as numbers
    from (select distinct number from sujip.generation_live) g
    join pg_class r on r.relkind in ('r', 'p')
                   and r.relnamespace = to_regnamespace('sujip_g' || g.number)
    where case when r.relname in ('change_log', 'dead_letter') then true
               when r.relname = 'product_price_history' then sujip.live_generation('product') = g.number
               else sujip.live_generation(regexp_replace(r.relname, '_rollup$', '')) = g.number end
    group by r.relname
  loop
    shown := to_regclass(format('sujip.%I', t.name));
    parts := '{}';
    for c in select g.number, format('sujip_g%s.%I', g.number, t.name)::regclass as source
             from unnest(t.numbers) as g (number)
    loop
      with had as (
        select attname, attnum, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = shown and attnum > 0 and not attisdropped),
      has as (
        select attname, attnum, format_type(atttypid, atttypmod) as type, attrelid from pg_attribute
        where attrelid = any (select format('sujip_g%s.%I', n, t.name)::regclass from unnest(t.numbers) as n)
          and attnum > 0 and not attisdropped),
      own as (select * from has where attrelid = c.source),
      named as (
        select attname, type, 0 as later, attnum::int from had
        union all
        select distinct on (h.attname) h.attname, h.type, 1, h.attnum::int from has h
        where not exists (select 1 from had where had.attname = h.attname))
      select string_agg(
               case when own.attname is null then format('null::%s as %I', named.type, named.attname)
                    when own.type = named.type then format('%I', named.attname)
                    else format('%I::%s as %I', named.attname, named.type, named.attname) end,
               ', ' order by named.later, named.attnum, named.attname)
      into columns from named left join own on own.attname = named.attname;
      wanted := format('select %s from %s', columns, c.source);
      if cardinality(t.numbers) > 1 then
        wanted := wanted || case when sujip.live_generation('') = c.number
          then format(' where coalesce(dataset, '''') <> all (%L::text[])',
                      (select array_agg(l.dataset order by 1) from sujip.generation_live l where l.number <> c.number))
          else format(' where dataset = any (%L::text[])',
                      (select array_agg(l.dataset order by 1) from sujip.generation_live l where l.number = c.number))
          end;
      end if;
      parts := parts || wanted;
    end loop;
    wanted := array_to_string(parts, ' union all ');
    if shown is not null and exists (
         select 1 from sujip.generation_view v where v.name = t.name and v.definition = wanted) then
      continue;
    end if;
    execute format('create or replace view sujip.%I as %s', t.name, wanted);
    for c in
      select a.attname, d.description
      from pg_description d
      left join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
      where d.classoid = 'pg_class'::regclass
        and d.objoid = format('sujip_g%s.%I', t.numbers[cardinality(t.numbers)], t.name)::regclass
    loop
      if c.attname is null then
        execute format('comment on view sujip.%I is %L', t.name, c.description);
      else
        execute format('comment on column sujip.%I.%I is %L', t.name, c.attname, c.description);
      end if;
    end loop;
    insert into sujip.generation_view values (t.name, wanted)
    on conflict (name) do update set definition = excluded.definition;
  end loop;
end $$;

-- Makes the schema of a generation, with tables, keys, defaults and indexes as readers see them now. Tables that
-- it has are left alone.
create function sujip.make_generation(wanted int, datasets text[]) returns void
language plpgsql
as $$
declare
  t record;
begin
  execute format('create schema if not exists sujip_g%s', wanted);
  for t in
    select distinct on (r.relname) r.relname as name, r.oid::regclass as source
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
    execute format('create table sujip_g%s.%I (like %s including all) with (fillfactor = 80, '
                   'autovacuum_vacuum_scale_factor = 0.02)', wanted, t.name, t.source);
  end loop;
end $$;

do $$
declare
  t record;
  g record;
begin
  -- So that definitions come with the schemas of what they name.
  set local search_path = pg_catalog, pg_temp;
  create schema if not exists sujip_g1;
  -- Tables of datasets and of totals are known by the columns the sink keeps for itself.
  create temporary table moved on commit drop as
    select c.oid, c.relname, c.relacl, c.relowner from pg_class c
    where c.relnamespace = 'sujip'::regnamespace and c.relkind in ('r', 'p')
      and (c.relname in ('change_log', 'dead_letter', 'product_price_history')
           or (select count(*) from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
               and (a.attname, format_type(a.atttypid, null)) in
                   (('rev', 'bigint'), ('updated_at', 'timestamp with time zone'))) = 2);
  -- Views of these tables, ours and others': they are to read what is live, not generation 1.
  create temporary table readers on commit drop as
    select distinct v.oid, v.oid::regclass::text as name, v.reloptions, pg_get_viewdef(v.oid) as definition
    from pg_depend d
    join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
    where d.refclassid = 'pg_class'::regclass and d.refobjid in (select oid from moved);
  for t in select * from moved loop
    execute format('alter table sujip.%I set schema sujip_g1', t.relname);
  end loop;
  perform sujip.show_live_generation();
  -- Who could read and write the table can do so with the view.
  for t in select * from moved loop
    execute format('alter view sujip.%I owner to %I', t.relname, pg_get_userbyid(t.relowner));
    for g in select * from aclexplode(t.relacl) where grantee <> t.relowner
                and privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE') loop
      execute format('grant %s on sujip.%I to %s%s', g.privilege_type, t.relname,
                     case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end,
                     case when g.is_grantable then ' with grant option' else '' end);
    end loop;
  end loop;
  for t in select * from readers loop
    begin
      execute format('create or replace view %s %s as %s', t.name,
                     'with (' || array_to_string(t.reloptions, ', ') || ')', t.definition);
    exception when others then
      raise warning 'view % reads generation 1 until it is made anew: %', t.name, sqlerrm;
    end;
  end loop;
end $$;

-- A run the sink has no line of came with a replay: then its rows are there.
create or replace view sujip.board_run as
select c.source, c.account, c.dataset, coalesce(c.slice, '') as slice, c.scope, c.run,
       c.snapshot_at, c.rows, c.created, c.updated, c.minor, c.deleted, c.zeroed, c.duplicates,
       c.rejected, c.same, c.verdict, c.reason, c."by", c.decided_at,
       case
         when c.verdict = 'pending' then 'running'
         when c.verdict = 'held' then 'held'
         when c.verdict in ('overtaken', 'old') then 'excluded'
         when c.verdict = 'rejected' then case when c."by" like 'user:%' then 'excluded' else 'failed' end
         when c.verdict = 'incomplete' then 'failed'
         when s.state = 'failed' then 'failed'
         when coalesce(s.state, 'finished') <> 'finished' then 'running'
         when c.verdict = 'partial' then 'partial'
         when c.rows = 0 then 'empty'
         else 'collected'
       end as state,
       s.ts as sunk_at
from sujip.change_log c
left join lateral (
  select l.state, l.ts from sujip.run_log l
  where l.scope = c.scope and l.run = c.run and l.stage = 'sink'
  order by l.attempt desc limit 1) s on true;

comment on table sujip.generation is '세대 (generations: everything made from the raw topics, once each)';
comment on table sujip.generation_live is '현재 세대 (which generation readers see, by dataset)';
