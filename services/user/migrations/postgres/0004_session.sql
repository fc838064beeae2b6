-- A token is good only while its generation is not smaller than its account's: whatever ends all sessions counts up.
alter table account add column generation integer not null default 0;

-- When an administrator disabled the account; null while it may be used.
alter table account add column disabled_at timestamptz;

-- How far the feed of account changes has come; one row.
create table account_feed (
    id integer primary key check (id = 1),
    -- The place of the last change. Whoever adds a change counts it up first and so holds the row until the end of the
    -- transaction: changes become visible in the order of their places, and no reader passes one by.
    head bigint not null,
    -- The longest time, in seconds, that a token was ever good for by the settings: so long an ended one may come back.
    longest_token_ttl bigint not null
);
insert into account_feed (id, head, longest_token_ttl) values (1, 0, 0);

-- What other processes must know of accounts: tokens that were ended before their time, people who are shown otherwise.
create table account_change (
    seq bigint primary key,
    -- Whose.
    user_id text not null,
    -- The session that has ended, where one has.
    session_id text,
    -- The least generation of a token that is still good, where that has changed. Where neither is set, the account is
    -- shown otherwise than before.
    least_generation integer,
    -- When it need not be known any more.
    expires_at timestamptz not null
);

-- Before a token is renewed it is made sure that its session has not ended.
create index account_change_by_session on account_change (session_id) where session_id is not null;

-- What need not be known any more is deleted.
create index account_change_by_end on account_change (expires_at);
