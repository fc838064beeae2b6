-- What was done to pages, and the codes that administrators issued. Nothing is ever changed in it.
create table deed (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- 1 opened, 2 updated, 3 transferred, 4 closed, 5 customer service accepted or declined, 6 codes issued.
    kind integer not null,
    -- Who did it.
    by_id text not null,
    -- The page; null where codes were issued.
    merchant_id text,
    -- Whom it concerns beside whoever did it: the customer-service user, or the new creator.
    user_id text,
    -- More about it: what was changed, how many codes.
    detail text not null,
    created_at timestamptz not null
);

-- They are listed latest first, of one page or of all.
create index deed_listed on deed (created_at, id);
create index deed_by_merchant on deed (merchant_id, created_at, id);
