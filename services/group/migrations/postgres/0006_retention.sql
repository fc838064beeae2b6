-- For how long what is said on a page is kept; pages without a row keep it for ever.
create table retention (
    -- The page: owned by the merchant service, so no foreign key.
    merchant_id text collate "C" primary key,
    -- 1 to 3,650.
    days integer not null,
    -- When what has grown too old is looked for next: some replica is at it until then.
    next_at timestamptz not null,
    updated_at timestamptz not null
);

-- Which page is next.
create index retention_due on retention (next_at);

-- How far a group's messages have been looked at: those up to there have no content any more.
create table expiry (
    group_id text collate "C" primary key,
    -- A place in the group's sequence.
    seq bigint not null
);
