-- Tables as they look after a while: a shop of daily files, a catalogue of snapshots with a held one,
-- and a medium with 20 accounts of which one is paused, one failed and one lacks a day.
insert into sujip.source (name, kind, connector) values
  ('online_retail', 'files', 'online_retail'), ('danawa', 'files', 'danawa'),
  ('naver_searchad', 'api', 'naver_searchad');
insert into sujip.known_account (source, account, name, status, created_at)
  select 'naver_searchad', 'acct-' || lpad(n::text, 2, '0'), 'account ' || n,
         case n when 7 then 'paused' else 'active' end, timestamptz '2026-10-01 00:00+09'
  from generate_series(1, 20) n;

create temporary view runs as
  select 'online_retail' as source, 'main' as account, 'order_item' as dataset, d::date::text as slice,
         to_char(d, 'YYYYMMDD') || 'T000000000Z-1' as run, d as at, 1500 + (extract(day from d)::int * 37) % 900 as rows,
         case when d::date = '2011-01-05' then 2 else 1 end as attempts, 'accepted' as verdict
  from generate_series(timestamptz '2010-12-01 00:00Z', timestamptz '2011-02-10 00:00Z', '1 day') d
  where extract(isodow from d) <> 6
  union all
  select 'danawa', 'main', 'product', section, to_char(d, 'YYYYMMDD') || 'T084436000Z-2', d + interval '8 hours 44 minutes',
         length(section) * 800 + (extract(day from d)::int * 13) % 90, 1,
         case when d::date = '2020-08-17' then 'held' when d::date = '2020-08-03' then 'rejected' else 'accepted' end
  from generate_series(timestamptz '2020-07-05 00:00Z', timestamptz '2020-08-20 00:00Z', '1 day') d,
       unnest(array['CPU', 'VGA', 'SSD']) section
  union all
  select 'naver_searchad', 'acct-' || lpad(n::text, 2, '0'), ds, d::date::text, to_char(d, 'YYYYMMDD') || 'T210000000Z-3',
         d + interval '1 day', 20 + (n * 7 + extract(day from d)::int) % 60, 1, 'accepted'
  from generate_series(1, 20) n, unnest(array['ad_performance', 'ad_keyword']) ds,
       generate_series(timestamptz '2026-10-16 00:00Z', timestamptz '2026-11-19 00:00Z', '1 day') d
  where n <> 7 and not (n = 12 and d >= '2026-11-18') and not (n = 3 and d::date = '2026-11-11' and ds = 'ad_keyword');

insert into sujip.change_log (source, account, dataset, scope, run, snapshot_at, rows, created, updated, deleted, verdict,
                              zeroed, same, reason, "by", partitions, slice, decided_at)
  select source, account, dataset, source || '/' || account || '/' || dataset || '/' || slice,
         case when k > 1 then replace(run, 'T00', 'T01') else run end, at, rows,
         case when k > 1 then 1 else rows / 50 end, rows / 20, case when verdict = 'held' then rows - 12 else rows / 90 end, verdict,
         case when verdict = 'held' then 7 else 0 end, rows - rows / 20,
         case when verdict = 'held' then (rows - 12) || ' of ' || (rows + 4) || ' rows would be deleted (limit 50 %)' end,
         case when verdict = 'rejected' then 'user:kim' else 'coordinator' end, 6, slice, now() - interval '20 minutes'
  from runs, generate_series(1, attempts) k;
insert into sujip.run_log (scope, run, stage, source, account, dataset, slice, state, rows, bytes, message, started_at, duration_ms, ts)
  select c.scope, c.run, stage, c.source, c.account, c.dataset, c.slice,
         case when stage = 'process' and c.verdict = 'held' then 'refused' else 'finished' end, c.rows, c.rows * 180,
         case when stage = 'process' then c.verdict end, now() - interval '21 minutes' + nth * interval '1 second', 350 * nth, now() - interval '20 minutes' + nth * interval '1 second'
  from sujip.change_log c, unnest(array['collect', 'process', 'sink']) with ordinality s (stage, nth)
  where stage <> 'sink' or c.verdict = 'accepted';
update sujip.run_log set error_class = 'held' where state = 'refused';
-- The newest day of one account is still on its way into the tables.
update sujip.run_log set state = 'started' where stage = 'sink' and scope = 'naver_searchad/acct-19/ad_keyword/2026-11-19';
insert into sujip.run_log (scope, run, stage, source, account, dataset, slice, state, message, hint, error_class, file, started_at, ts) values
  ('naver_searchad/acct-12/ad_performance/2026-11-18', '', 'collect', 'naver_searchad', 'acct-12', 'ad_performance', '2026-11-18', 'failed',
   'POST /stat-reports: 403 Forbidden: invalid signature', 'check the secret key: sujip account add --help', 'auth', '', now() - interval '9 minutes', now() - interval '8 minutes'),
  ('online_retail/main/order_item/2011-02-11', '', 'collect', 'online_retail', 'main', 'order_item', '2011-02-11', 'refused',
   'row 812, column 3: a quote is not closed', 'correct the file and offer it again; nothing of it was published', 'parse', '2011-02-11.csv', now() - interval '5 minutes', now() - interval '5 minutes');
insert into sujip.dead_letter (topic, partition, "offset", dataset, stage, reason, ts)
  values ('raw.order', 3, 40217, 'order_item', 'process', 'not JSON: unexpected character at byte 4', now() - interval '3 minutes');
