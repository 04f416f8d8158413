-- Health: what is due, and the state of every slice. States: collected restated partial running
-- pending late missing failed held empty excluded (see docs/monitoring.md).

-- When data of a source are due. A source without a row has the defaults below.
create table sujip.expectation (
  source      text     primary key,
  kind        text     not null check (kind in ('daily', 'snapshot')),
  expected_at time     not null default '07:00',  -- Asia/Seoul, the day after the data's date
  deadline    time     not null default '10:00',
  window_days int      not null default 35 check (window_days between 1 and 366),
  grace       interval not null default '1 hour', -- a new account is not judged before
  updated_at  timestamptz not null default now()
);

create function sujip.as_date(value text) returns date
language sql immutable strict parallel safe
as $$ select case when value ~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' then value::date end $$;

-- Accounts nobody expects data of, and why. The table of account_status is made from its declaration
-- after this file ran, so it is looked up when called.
create function sujip.excluded_accounts()
returns table (source text, account text, reason text)
language plpgsql stable
as $$
begin
  return query
    select a.source, a.account, a.status from sujip.known_account a
    where a.status not in ('active', 'ok', '');
  if to_regclass('sujip.account_status') is not null then
    return query execute
      'select s.source, s.account, s.state from sujip.account_status s
       where s.state is not null and s.state <> ''active''';
  end if;
end $$;

-- One row per run that the processors know.
create view sujip.board_run as
select c.source, c.account, c.dataset, coalesce(c.slice, '') as slice, c.scope, c.run,
       c.snapshot_at, c.rows, c.created, c.updated, c.minor, c.deleted, c.zeroed, c.duplicates,
       c.rejected, c.same, c.verdict, c.reason, c."by", c.decided_at,
       case
         when c.verdict = 'pending' then 'running'
         when c.verdict = 'held' then 'held'
         when c.verdict in ('overtaken', 'old') then 'excluded'
         when c.verdict = 'rejected' then case when c."by" like 'user:%' then 'excluded' else 'failed' end
         when c.verdict = 'incomplete' then 'failed'
         when c.verdict = 'same' and s.state is null then 'collected'
         when s.state = 'failed' then 'failed'
         when s.state is distinct from 'finished' then 'running'
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

-- One row per scope. `runs` that were applied after the first and changed something make a dated slice
-- `restated`. A later failure shows even when an older run is in the tables.
create view sujip.board_scope as
with runs as (
  select r.*,
         row_number() over newest as nth,
         count(*) filter (where r.verdict in ('accepted', 'released', 'partial', 'same')) over whole as applied,
         min(r.run) filter (where r.verdict in ('accepted', 'released', 'partial')) over whole as first_run
  from sujip.board_run r
  window newest as (partition by r.scope order by (r.verdict in ('old', 'overtaken'))::int, r.run desc),
         whole as (partition by r.scope)
),
changed as (
  select scope, count(*) as restatements, sum(created + updated + deleted) as restated_rows
  from runs
  where verdict in ('accepted', 'released', 'partial') and run > first_run
    and created + updated + deleted > 0
  group by scope
),
attempts as (
  select distinct on (l.scope) l.scope, l.source, l.account, l.dataset, coalesce(l.slice, '') as slice,
         l.run, l.state, l.message, l.hint, l.ts
  from sujip.run_log l
  where l.stage = 'collect' and l.scope <> ''
  order by l.scope, l.ts desc, l.attempt desc
)
select coalesce(r.source, a.source) as source, coalesce(r.account, a.account) as account,
       coalesce(r.dataset, a.dataset) as dataset, coalesce(r.slice, a.slice) as slice,
       coalesce(r.scope, a.scope) as scope, coalesce(r.run, a.run) as run, r.snapshot_at,
       coalesce(r.rows, 0) as rows, coalesce(c.restatements, 0) as restatements,
       coalesce(c.restated_rows, 0) as restated_rows, r.verdict,
       case when a.state in ('failed', 'refused') then a.message else r.reason end as reason,
       case
         when a.state in ('failed', 'refused') and (r.decided_at is null or a.ts > r.decided_at) then 'failed'
         when r.scope is null then
           case a.state when 'skipped' then 'excluded'
                        when 'started' then
                          case when a.ts < now() - interval '1 hour' then 'failed' else 'running' end
                        else 'running' end
         when r.state = 'collected' and c.restatements > 0
              and sujip.as_date(r.slice) is not null then 'restated'
         else r.state
       end as state,
       greatest(r.decided_at, r.sunk_at, a.ts) as changed_at
from (select * from runs where nth = 1) r
full join attempts a on a.scope = r.scope
left join changed c on c.scope = r.scope;

-- How a source is judged.
create view sujip.board_expectation as
select s.source, coalesce(e.kind, s.kind) as kind, s.connector_kind,
       coalesce(e.expected_at, '07:00') as expected_at, coalesce(e.deadline, '10:00') as deadline,
       coalesce(e.window_days, 35) as window_days, coalesce(e.grace, interval '1 hour') as grace
from (
  select n.source, coalesce(src.kind, 'files') as connector_kind, coalesce(src.enabled, true) as enabled,
         case when src.kind = 'api' or exists (
                select 1 from sujip.change_log c
                where c.source = n.source and sujip.as_date(c.slice) is not null)
              then 'daily' else 'snapshot' end as kind
  from (select name as source from sujip.source
        union select distinct source from sujip.change_log
        union select distinct source from sujip.run_log where source <> '') n
  left join sujip.source src on src.name = n.source
) s
left join sujip.expectation e on e.source = s.source;

-- One row per slice: what the board, the metrics and Grafana show.
--   daily     a column is a date; a slice is a scope of that date, plus, for sources with an API, the
--             dates every account should have and has not
--   snapshot  a column is a snapshot; a slice is one run of a section
create view sujip.board_slice as
with expected as (
  select e.source, a.account, k.dataset, k.day, x.reason as excluded, e.expected_at, e.deadline,
         a.created_at + e.grace as not_before
  from sujip.board_expectation e
  join sujip.known_account a on a.source = e.source
  cross join lateral (
    select d.dataset, d.day from (
      select distinct c.dataset, sujip.as_date(c.slice) as day
      from sujip.board_scope c where c.source = e.source and sujip.as_date(c.slice) is not null) d
    order by d.day desc) k
  left join lateral (
    select string_agg(distinct v.reason, ', ') as reason from sujip.excluded_accounts() v
    where v.source = a.source and v.account = a.account) x on true
  where e.kind = 'daily' and e.connector_kind = 'api'
),
absent as (
  select x.*, ((x.day + 1) + x.expected_at) at time zone 'Asia/Seoul' as expected_from,
         ((x.day + 1) + x.deadline) at time zone 'Asia/Seoul' as due
  from expected x
  where not exists (select 1 from sujip.board_scope s
                    where s.source = x.source and s.account = x.account and s.dataset = x.dataset
                      and s.slice = x.day::text)
)
select s.source, s.account, s.dataset, s.slice, s.scope, s.run, e.kind,
       sujip.as_date(s.slice) as data_date, s.slice as "column",
       sujip.as_date(s.slice)::timestamp at time zone 'Asia/Seoul' as column_at,
       s.state, s.rows, s.restatements, s.restated_rows, s.verdict, s.reason, s.changed_at
from sujip.board_scope s
join sujip.board_expectation e on e.source = s.source
where e.kind = 'daily' and sujip.as_date(s.slice) is not null
union all
select x.source, x.account, x.dataset, x.day::text,
       x.source || '/' || x.account || '/' || x.dataset || '/' || x.day, '', 'daily',
       x.day, x.day::text, x.day::timestamp at time zone 'Asia/Seoul',
       case when x.excluded is not null then 'excluded'
            when now() < greatest(x.expected_from, x.not_before) then 'pending'
            when now() < greatest(x.due, x.not_before) then 'late'
            else 'missing' end,
       0, 0, 0, null, x.excluded, null
from absent x
union all
select r.source, r.account, r.dataset, r.slice, r.scope, r.run, e.kind,
       (r.snapshot_at at time zone 'Asia/Seoul')::date,
       to_char(r.snapshot_at at time zone 'Asia/Seoul', 'YYYY-MM-DD HH24:MI'),
       r.snapshot_at, r.state, r.rows, 0, 0, r.verdict, r.reason, coalesce(r.sunk_at, r.decided_at)
from sujip.board_run r
join sujip.board_expectation e on e.source = r.source
where e.kind = 'snapshot';

-- Attempts that failed or were refused and that no later attempt of the same file or scope repaired.
create view sujip.board_problem as
select l.source, l.account, l.dataset, l.slice, l.scope, l.run, l.stage, l.file, l.state, l.message,
       l.hint, l.error_class, l.ts
from sujip.run_log l
where l.state in ('failed', 'refused') and coalesce(l.error_class, '') <> 'held'
  and not exists (
    select 1 from sujip.run_log n
    where n.scope = l.scope and n.file = l.file and n.stage = l.stage and n.ts > l.ts
      and n.state in ('finished', 'skipped'));

-- Runs that wait for a person.
create view sujip.board_held as
select source, account, dataset, slice, scope, run, snapshot_at, rows, created, updated, minor, deleted,
       zeroed, reason, decided_at
from sujip.board_run where state = 'held';

-- One row per source.
create view sujip.board_source as
with slices as (select * from sujip.board_slice),
days as (
  select source, data_date,
         bool_and(state in ('collected', 'restated', 'empty', 'excluded'))
           and bool_or(state in ('collected', 'restated', 'empty')) as complete
  from slices where kind = 'daily' group by source, data_date
),
newest as (
  select source, max(data_date) as day from days group by source
),
accounts as (
  select s.source, count(*) as expected, count(*) filter (where s.done) as collected
  from (
    select s.source, s.account, bool_and(s.state in ('collected', 'restated', 'empty')) as done
    from slices s join newest n on n.source = s.source and n.day = s.data_date
    where s.state <> 'excluded' group by s.source, s.account) s
  group by s.source
),
counts as (
  select source, jsonb_object_agg(state, n) as states, sum(n) as slices,
         sum(n) filter (where state in ('missing', 'failed', 'held')) as overdue
  from (select source, state, count(*) as n from slices group by source, state) c group by source
),
totals as (
  select source, sum(rows) as rows
  from (select distinct on (scope) source, scope, rows from sujip.board_run
        where state in ('collected', 'restated', 'partial', 'empty')
        order by scope, run desc) last group by source
)
select e.source, e.kind, e.connector_kind, coalesce(c.states, '{}') as states,
       coalesce(c.slices, 0) as slices, coalesce(c.overdue, 0) as overdue,
       coalesce(t.rows, 0) as rows, coalesce(a.expected, 0) as accounts_expected,
       coalesce(a.collected, 0) as accounts_collected,
       (select count(*) from sujip.board_held h where h.source = e.source) as held,
       (select count(*) from sujip.board_problem p where p.source = e.source) as problems,
       (select max(l.ts) from sujip.run_log l where l.source = e.source and l.stage = 'collect') as last_attempt,
       (select max(r.sunk_at) from sujip.board_run r
        where r.source = e.source and r.state in ('collected', 'empty')) as last_success,
       case e.kind
         when 'daily' then (select max(d.data_date) from days d where d.source = e.source and d.complete)
         else (select max(s.data_date) from slices s
               where s.source = e.source and s.state in ('collected', 'empty')) end as complete_through
from sujip.board_expectation e
left join counts c on c.source = e.source
left join totals t on t.source = e.source
left join accounts a on a.source = e.source;

comment on table sujip.expectation is '수집 기한 (when data of a source are due)';
comment on view sujip.board_slice is '수집 상태, 출처 × 계정 × 날짜 (state of every slice)';
comment on view sujip.board_source is '출처별 수집 상태 (state of every source)';
comment on view sujip.board_run is '실행별 결과 (every run and what became of it)';
comment on view sujip.board_held is '승인 대기 (runs that wait for a person)';
comment on view sujip.board_problem is '실패와 거부 (failed and refused attempts not repaired since)';
