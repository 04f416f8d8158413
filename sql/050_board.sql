-- The board's views, once through the runs instead of once per use: with thousands of runs a look took
-- seconds. Columns and meaning are those of 020_monitoring.sql.

create or replace view sujip.board_expectation as
with dated as (
  select distinct source from sujip.change_log where sujip.as_date(slice) is not null
),
known as (
  select name as source from sujip.source
  union select distinct source from sujip.change_log
  union select distinct source from sujip.run_log where source <> ''
)
select n.source,
       coalesce(e.kind, case when src.kind = 'api' or d.source is not null then 'daily' else 'snapshot' end) as kind,
       coalesce(src.kind, 'files') as connector_kind,
       coalesce(e.expected_at, '07:00') as expected_at, coalesce(e.deadline, '10:00') as deadline,
       coalesce(e.window_days, 35) as window_days, coalesce(e.grace, interval '1 hour') as grace
from known n
left join sujip.source src on src.name = n.source
left join dated d on d.source = n.source
left join sujip.expectation e on e.source = n.source;

create or replace view sujip.board_slice as
with expectation as materialized (
  select * from sujip.board_expectation
),
scopes as materialized (
  select s.*, sujip.as_date(s.slice) as day from sujip.board_scope s
),
days as (
  select distinct c.source, c.dataset, c.day from scopes c where c.day is not null
),
excluded as (
  select v.source, v.account, string_agg(distinct v.reason, ', ') as reason
  from sujip.excluded_accounts() v group by v.source, v.account
),
-- A difference of sets: fast whatever the planner believes of tables it has no statistics of yet.
absent_slice as (
  select e.source, a.account, k.dataset, k.day
  from expectation e
  join sujip.known_account a on a.source = e.source
  join days k on k.source = e.source
  where e.kind = 'daily' and e.connector_kind = 'api'
  except
  select source, account, dataset, day from scopes
),
absent as (
  select s.source, s.account, s.dataset, s.day, x.reason as excluded,
         ((s.day + 1) + e.expected_at) at time zone 'Asia/Seoul' as expected_from,
         ((s.day + 1) + e.deadline) at time zone 'Asia/Seoul' as due,
         a.created_at + e.grace as not_before
  from absent_slice s
  join expectation e on e.source = s.source
  join sujip.known_account a on a.source = s.source and a.account = s.account
  left join excluded x on x.source = s.source and x.account = s.account
)
select s.source, s.account, s.dataset, s.slice, s.scope, s.run, e.kind,
       s.day as data_date, s.slice as "column",
       s.day::timestamp at time zone 'Asia/Seoul' as column_at,
       s.state, s.rows, s.restatements, s.restated_rows, s.verdict, s.reason, s.changed_at
from scopes s
join expectation e on e.source = s.source
where e.kind = 'daily' and s.day is not null
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
join expectation e on e.source = r.source
where e.kind = 'snapshot';

create or replace view sujip.board_held as
select source, account, dataset, slice, scope, run, snapshot_at, rows, created, updated, minor, deleted,
       zeroed, reason, decided_at
from sujip.board_run where verdict = 'held';  -- and so is its state

create or replace view sujip.board_source as
with slices as materialized (select * from sujip.board_slice),
runs as materialized (
  select source, scope, run, rows, state, sunk_at from sujip.board_run
  where verdict in ('accepted', 'released', 'partial', 'same')  -- no other verdict leads to the states below
),
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
         sum(n) filter (where state in ('missing', 'failed', 'held')) as overdue,
         max(day) filter (where state in ('collected', 'empty')) as day
  from (select source, state, count(*) as n, max(data_date) as day from slices group by source, state) c
  group by source
),
complete as (
  select source, max(data_date) filter (where complete) as day from days group by source
),
totals as (
  select source, sum(rows) as rows
  from (select distinct on (scope) source, scope, rows from runs
        where state in ('collected', 'restated', 'partial', 'empty')
        order by scope, run desc) last group by source
),
successes as (
  select source, max(sunk_at) as at from runs where state in ('collected', 'empty') group by source
),
attempts as (
  select source, max(ts) as at from sujip.run_log where stage = 'collect' group by source
),
held as (
  select source, count(*) as n from sujip.board_held group by source
),
problems as (
  select source, count(*) as n from sujip.board_problem group by source
)
select e.source, e.kind, e.connector_kind, coalesce(c.states, '{}') as states,
       coalesce(c.slices, 0) as slices, coalesce(c.overdue, 0) as overdue,
       coalesce(t.rows, 0) as rows, coalesce(a.expected, 0) as accounts_expected,
       coalesce(a.collected, 0) as accounts_collected,
       coalesce(h.n, 0) as held, coalesce(p.n, 0) as problems,
       l.at as last_attempt, s.at as last_success,
       case e.kind when 'daily' then d.day else c.day end as complete_through
from sujip.board_expectation e
left join counts c on c.source = e.source
left join totals t on t.source = e.source
left join accounts a on a.source = e.source
left join held h on h.source = e.source
left join problems p on p.source = e.source
left join attempts l on l.source = e.source
left join successes s on s.source = e.source
left join complete d on d.source = e.source;
