-- A group chat (群聊) of a merchant page. "group" is a word of SQL's own.
create table chat_group (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- The creator: a user's id, owned by the user service, so no foreign key.
    user_id text not null,
    -- The page: owned by the merchant service, so no foreign key.
    merchant_id text not null,
    -- 1 to 64 characters.
    name text not null,
    -- An http(s) URL or a path of our own uploads.
    icon text not null,
    -- What its creator called the request that made it, for a day, so that the request can be repeated.
    request_id text,
    -- How often the row has been changed.
    version integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (user_id, request_id)
);

-- A page's groups are listed oldest first.
create index chat_group_by_merchant on chat_group (merchant_id, created_at, id);

-- Who is in which group.
create table member (
    id text primary key,
    group_id text not null references chat_group (id),
    -- The member: a user's id.
    user_id text not null,
    version integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Joining twice is one membership.
    unique (group_id, user_id)
);
