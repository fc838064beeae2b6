-- What administrators, and operators on the command line, have done to accounts. Nothing is ever changed in it.
create table deed (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- 1 disabled, 2 enabled, 3 all sessions ended, 4 made an administrator, 5 made an ordinary user.
    kind integer not null,
    -- The administrator who did it; null where it was done on the command line.
    by_id text,
    -- Whom it was done to.
    user_id text not null,
    created_at timestamptz not null
);

-- They are listed latest first, of one account or of all.
create index deed_listed on deed (created_at, id);
create index deed_by_user on deed (user_id, created_at, id);
