-- Addresses that the events of a page's groups are posted to.
create table webhook (
    -- 24 hex digits, as the API shows it.
    id text collate "C" primary key,
    -- The page: owned by the merchant service, so no foreign key.
    merchant_id text collate "C" not null,
    url text not null,
    -- What requests are signed with; as it is, since a digest could not sign. Never answered.
    secret text not null,
    -- When it was given up; null where it is tried.
    disabled_at timestamptz,
    -- Since when nothing arrives; null where it does.
    failing_since timestamptz,
    -- Why the last one did not arrive.
    last_error text,
    version integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- An address gets a page's events once.
    unique (merchant_id, url)
);

-- How far a webhook has been told of a group's events. A group without a row was opened after the webhook: it is told
-- of all of them.
create table webhook_cursor (
    webhook_id text collate "C" not null references webhook (id) on delete cascade,
    group_id text collate "C" not null,
    -- Everything up to this place in the sequence has arrived.
    seq bigint not null,
    -- Until when nobody tries: some replica is at it, or the last try failed.
    next_at timestamptz not null,
    -- How often in a row it has failed.
    attempts integer not null default 0,
    primary key (webhook_id, group_id)
);
