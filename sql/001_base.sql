-- What the sink itself needs. Tables of datasets are made from their declarations.

create schema if not exists sujip;

-- One row per partition a sink reads. next_offset moves in the transaction of the rows it stands for;
-- epoch grows with every change of owner, so that a former owner can never write again.
create table sujip.sink_progress (
  sink        text        not null,
  topic       text        not null,
  part        int         not null,
  next_offset bigint      not null,
  epoch       bigint      not null default 0,
  owner       text,
  updated_at  timestamptz not null default now(),
  primary key (sink, topic, part)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- The running sinks. A member is alive while its session holds the advisory lock on its number and
-- its heartbeat is fresh.
create table sujip.sink_member (
  member       bigint      generated always as identity primary key,
  sink         text        not null,
  owner        text        not null,
  started_at   timestamptz not null default now(),
  heartbeat_at timestamptz not null default now()
) with (fillfactor = 50);

-- Every stage of every run.
create table sujip.run_log (
  scope       text        not null,
  run         text        not null,
  stage       text        not null,
  attempt     int         not null default 1,
  file        text        not null default '',
  source      text        not null,
  account     text        not null default '',
  dataset     text        not null default '',
  slice       text,
  state       text        not null,
  rows        bigint,
  bytes       bigint,
  message     text,
  hint        text,
  error_class text,
  started_at  timestamptz,
  duration_ms bigint,
  ts          timestamptz not null,
  primary key (scope, run, stage, attempt, file)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create index run_log_ts on sujip.run_log (ts);
-- Runs whose rows are on their way into the tables: few at any time.
create index run_log_loading on sujip.run_log (dataset) where stage = 'sink' and state = 'started';

-- What every run of every scope did to the rows of the scope.
create table sujip.change_log (
  source      text        not null,
  account     text        not null,
  dataset     text        not null,
  scope       text        not null,
  run         text        not null,
  snapshot_at timestamptz,
  rows        bigint      not null default 0,
  created     bigint      not null default 0,
  updated     bigint      not null default 0,
  deleted     bigint      not null default 0,
  verdict     text        not null,
  minor       bigint      not null default 0,
  zeroed      bigint      not null default 0,
  duplicates  bigint      not null default 0,
  rejected    bigint      not null default 0,
  same        bigint      not null default 0,
  reason      text,
  "by"        text,
  partitions  int,
  partition   int,
  topic       text,
  slice       text,
  decided_at  timestamptz,
  primary key (scope, run)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create index change_log_source on sujip.change_log (source, account, dataset, snapshot_at);

-- Records that could not be used, until somebody retries them. The bytes stay in Kafka.
create table sujip.dead_letter (
  topic         text        not null,
  partition     int         not null,
  "offset"      bigint      not null,
  dataset       text,
  scope         text,
  run           text,
  stage         text,
  reason        text,
  value_preview text,
  ts            timestamptz,
  retried_at    timestamptz,
  primary key (topic, partition, "offset")
);
create index dead_letter_ts on sujip.dead_letter (ts);

-- One row per change of a product's price; price_before is null when the product was new.
create table sujip.product_price_history (
  source            text        not null,
  account           text        not null,
  section           text        not null,
  product_code      text        not null,
  snapshot_at       timestamptz not null,
  price_before      numeric,
  price             numeric,
  price_text_before text,
  price_text        text,
  run               text,
  rev               bigint      not null,
  primary key (source, account, section, product_code, rev)
);

comment on table sujip.sink_progress is '싱크가 읽은 위치 (how far each sink has read)';
comment on table sujip.run_log is '수집·처리·적재 기록 (every stage of every run)';
comment on table sujip.change_log is '변경 집계 (created, updated and deleted rows of every run)';
comment on table sujip.dead_letter is '처리하지 못한 레코드 (records that could not be used)';
comment on table sujip.product_price_history is '상품 가격 이력 (every change of a price)';
