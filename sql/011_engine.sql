-- What the connector engine delivered last of each scope: Kafka has acknowledged it.

create table sujip.collected_scope (
  source       text        not null,
  account      text        not null,
  dataset      text        not null,
  slice        text        not null default '',  -- a date, or '' when the scope has no slice
  hash         text        not null,             -- xxh3-128 of keys and rows in their order
  run          text        not null,             -- the run that said so last
  rows         bigint      not null,
  collected_at timestamptz not null default now(),
  primary key (source, account, dataset, slice)
);

comment on table sujip.collected_scope is '수집 완료 범위 (scopes collected, with the hash of their content)';
