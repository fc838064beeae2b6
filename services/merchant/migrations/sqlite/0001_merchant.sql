-- A merchant page (商页).
create table merchant (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- The creator: a user's id, owned by the user service, so no foreign key.
    user_id text not null,
    -- The code it was opened with, shown to its creator only.
    activation_code text not null,
    -- 1 to 64 characters.
    name text not null,
    -- An http(s) URL or a path of our own uploads.
    icon text not null,
    -- The user who serves its customers.
    customer_id text not null,
    -- What its creator called the request that made it, for a day, so that the request can be repeated.
    request_id text,
    -- How often the row has been changed.
    version integer not null default 0,
    created_at text not null,
    updated_at text not null,
    unique (user_id, request_id)
);

-- Who has joined which page.
create table membership (
    id text primary key,
    -- The member: a user's id.
    user_id text not null,
    merchant_id text not null references merchant (id),
    version integer not null default 0,
    created_at text not null,
    updated_at text not null,
    -- Joining twice is one membership.
    unique (user_id, merchant_id)
);

-- A user's pages are listed oldest first.
create index membership_by_user on membership (user_id, created_at, id);

-- Activation codes that were issued together.
create table activation_batch (
    id text primary key,
    -- The administrator who asked for them.
    user_id text not null,
    -- SHA-256 of what the administrator called the request, for a day, so that it can be repeated. Hashed, since with
    -- the salt it makes the codes again.
    request_hash blob,
    -- Random; a repeated request's codes are derived from it and the request's id.
    salt blob not null,
    count integer not null,
    expires_at text,
    created_at text not null,
    unique (user_id, request_hash)
);

-- One issued code. Only its hash is kept until it is used.
create table activation_code (
    -- SHA-256 of the code.
    hash blob primary key,
    batch_id text not null references activation_batch (id),
    -- When it stops to open anything.
    expires_at text,
    -- The page it opened; null while it is unused.
    merchant_id text references merchant (id)
);
