-- What is collected, with which accounts and keys, and which files were taken.

create schema if not exists sujip;

create table sujip.source (
  name       text        primary key,
  kind       text        not null check (kind in ('files', 'api')),
  connector  text        not null,           -- folder below producers/connectors
  config     jsonb       not null default '{}',  -- path, guard, every; settings of an API; no secrets
  enabled    boolean     not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table sujip.known_account (
  source     text        not null references sujip.source (name),
  account    text        not null,
  name       text        not null default '',
  status     text        not null default 'active',
  currency   text,
  time_zone  text        not null default 'Asia/Seoul',
  config     jsonb       not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (source, account)
);

-- Keys and passwords. account '' = of the source as a whole.
create table sujip.credential (
  source     text        not null references sujip.source (name),
  account    text        not null default '',
  name       text        not null,
  value      text        not null,
  updated_at timestamptz not null default now(),
  primary key (source, account, name)
);
revoke all on sujip.credential from public;

-- The last accepted content of each file: accepted = its rows were published and acknowledged,
-- same = its scope already said exactly this.
create table sujip.feed_file (
  source       text        not null,
  file         text        not null,         -- path below the folder of the source
  content_hash text        not null,         -- xxh3-128 of the bytes
  size         bigint      not null,
  mtime_ns     bigint      not null,
  scope        text        not null,
  run          text        not null,
  rows         bigint      not null,
  state        text        not null check (state in ('accepted', 'same')),
  accepted_at  timestamptz not null default now(),
  primary key (source, file)
);

comment on table sujip.source is '수집 대상 (what is collected)';
comment on table sujip.known_account is '계정 (accounts at a source)';
comment on table sujip.credential is '인증 정보 (keys and passwords; never in logs, events or metrics)';
comment on table sujip.feed_file is '수집한 파일 (files taken, by content)';
