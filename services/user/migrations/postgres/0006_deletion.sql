-- When the owner deleted the account; null while it is there. A deleted row says nothing of its owner any more: it is
-- kept so that what they have left elsewhere is shown as a deleted user's.
alter table account add column deleted_at timestamptz;

-- What a service has still to take away of a deleted account: a row for each service that has not yet confirmed that it
-- has.
create table deletion (
    user_id text collate "C" not null,
    -- The service's name, such as `group`.
    service text collate "C" not null,
    -- Whether what the owner has said goes too.
    erase_messages boolean not null,
    -- The path of the picture that the account had; empty where it had none.
    avatar text not null,
    deleted_at timestamptz not null,
    primary key (user_id, service)
);

-- Each service asks for its own, those deleted first first.
create index deletion_by_service on deletion (service, deleted_at, user_id);

-- Names of deleted accounts that cannot be registered yet.
create table held_name (
    -- HMAC-SHA-256 of the name in the form that names are compared in.
    hash bytea primary key,
    -- Until when.
    held_until timestamptz not null
);

-- What is no longer held is deleted.
create index held_name_by_end on held_name (held_until);

-- What names are hashed with; one row.
create table name_salt (
    id integer primary key check (id = 1),
    -- 32 random bytes.
    salt bytea not null
);
insert into name_salt (id, salt) values (1, sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- The planner keeps samples of columns' values apart from their rows, where a deleted name would stay: none are taken from
-- now on, and giving a column its own type drops those that were.
alter table account alter column username type text;
alter table account alter column username_key type text;
alter table account alter column nickname type text;
alter table account alter column username set statistics 0;
alter table account alter column username_key set statistics 0;
alter table account alter column nickname set statistics 0;
