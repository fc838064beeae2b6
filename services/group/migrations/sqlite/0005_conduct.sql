-- Who wants to hear nothing of whom.
create table block (
    -- Who does not want to hear.
    blocker_id text not null,
    -- Of whom.
    blocked_id text not null,
    created_at text not null,
    primary key (blocker_id, blocked_id)
);

-- A user's blocks are listed latest first.
create index block_listed on block (blocker_id, created_at, blocked_id);

-- Messages and users that a page's creator was told of.
create table report (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- The page: owned by the merchant service, so no foreign key.
    merchant_id text not null,
    reporter_id text not null,
    -- Who is reported; null for a service.
    user_id text,
    -- The reported message; null where a user is reported.
    message_id text,
    -- 1 to 500 characters.
    reason text not null,
    created_at text not null,
    -- When it was dealt with; null where it waits.
    resolved_at text,
    -- What came of it.
    resolution text
);

-- What waits already is not reported again by the same user.
create unique index report_of_message on report (reporter_id, message_id)
where resolved_at is null and message_id is not null;
create unique index report_of_user on report (reporter_id, merchant_id, user_id)
where resolved_at is null and message_id is null;

-- A page's reports are listed oldest first.
create index report_listed on report (merchant_id, created_at, id);

-- What pages do not want said.
create table word_list (
    merchant_id text primary key,
    -- 0 masks, 1 refuses.
    mode integer not null,
    -- A JSON array of words in their plain form.
    words text not null,
    -- 1, 2, 3 … with each change: who has made ready another version makes it ready anew.
    version integer not null,
    updated_at text not null
);

-- What was done about messages. Never what was said.
create table moderation_action (
    -- 24 hex digits, as the API shows it.
    id text primary key,
    -- 1 masked, 2 refused, 3 replaced, 4 rejected, 5 reported, 6 resolved, 7 words set.
    kind integer not null,
    merchant_id text not null,
    group_id text,
    -- Who did it, or said it.
    user_id text not null,
    detail text not null,
    created_at text not null
);

-- They are listed latest first, of one page or of all.
create index moderation_action_listed on moderation_action (created_at, id);
create index moderation_action_by_merchant on moderation_action (merchant_id, created_at, id);
