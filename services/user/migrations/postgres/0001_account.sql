-- An account.
create table account (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- The name as its owner wrote it, trimmed.
    username text not null,
    -- The name in the form that names are compared in: normalised, case folded, invisible characters left out.
    username_key text not null unique,
    -- Argon2id, as a PHC string: its parameters and salt stand in it.
    password_hash text not null,
    -- 0 an ordinary user, 1 an administrator.
    role smallint not null default 0,
    -- What the client called the request that opened the account, so that the request can be repeated for a day.
    request_id text,
    -- How often the row has been changed.
    version integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
