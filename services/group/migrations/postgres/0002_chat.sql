-- What the group is for: 0 a group chat, 1 a page member's conversation with its customer service.
alter table chat_group add column kind integer not null default 0;
-- Random; renewed only when a database is restored: clients that hold another epoch drop what they hold.
alter table chat_group add column epoch text not null default '';
-- The place of the last event in the group's sequence 1, 2, 3 …; 0 where there is none.
alter table chat_group add column head_seq bigint not null default 0;
-- How many messages there are, recalled ones included.
alter table chat_group add column message_count bigint not null default 0;
-- The place of the last message in the sequence; 0 where there is none.
alter table chat_group add column last_seq bigint not null default 0;
-- When the last message was stored; null where there is none.
alter table chat_group add column active_at timestamptz;
-- How many members there are; a group is opened with its creator in it.
alter table chat_group add column member_count integer not null default 1;
-- Whether only owner and admins may speak.
alter table chat_group add column muted boolean not null default false;
-- When the group was dismissed; null where it was not.
alter table chat_group add column dismissed_at timestamptz;

update chat_group set
    epoch = substr(md5(random()::text || id), 1, 24),
    member_count = (select count(*) from member where member.group_id = chat_group.id);

-- Each message updates its group's row: with room on the page that needs no new entry in any index.
alter table chat_group set (fillfactor = 70);

-- One conversation with the customer service for each member of a page.
create unique index chat_group_service on chat_group (merchant_id, user_id) where kind = 1;

-- A page's group chats are listed oldest first. The wider index of 0001 stays for the release before this one.
create index chat_group_listed on chat_group (merchant_id, created_at, id) where kind = 0;

-- 0 member, 1 admin, 2 owner.
alter table member add column role integer not null default 0;
-- Until when the member may not speak; null or in the past where they may.
alter table member add column mute_until timestamptz;
-- The member has read everything up to this place in the sequence.
alter table member add column read_seq bigint not null default 0;
-- How many messages of others stand up to there.
alter table member add column read_of_others bigint not null default 0;

update member set role = 2
where exists (select 1 from chat_group g where g.id = member.group_id and g.user_id = member.user_id);

-- A user's groups.
create index member_by_user on member (user_id);

-- A group's members are listed in the order in which they joined.
create index member_by_group on member (group_id, created_at, id);

-- Who may not join a group again.
create table ban (
    group_id text collate "C" not null references chat_group (id),
    user_id text collate "C" not null,
    -- Who removed them.
    by_id text collate "C" not null,
    created_at timestamptz not null,
    primary key (group_id, user_id)
);

-- What was said. No foreign keys: whoever inserts holds the lock on the group's row. Ids are compared byte by byte,
-- which a language's collation would make several times slower.
create table message (
    -- 24 hex digits, as the API shows it.
    id text collate "C" primary key,
    group_id text collate "C" not null,
    -- Its place in the group's sequence.
    seq bigint not null,
    -- Its place among the group's messages: 1, 2, 3 …
    number bigint not null,
    -- Its place among its sender's messages in the group: 1, 2, 3 …
    own_number bigint not null,
    -- A user's id, or service:<name>.
    sender text collate "C" not null,
    -- What the sender called it, so that sending can be repeated.
    client_id text collate "C" not null,
    -- 0 text, 1 image, 2 file, 3 system.
    kind integer not null,
    -- The text, or an image's or file's description as JSON; null once it was recalled.
    body text,
    -- The place of the message it answers.
    reply_seq bigint,
    -- A JSON array of the mentioned users' ids, "all" among them where everyone is; null where nobody is.
    mentions text,
    -- Hashes of the bigrams of its words in their group; null once it was recalled.
    terms bigint[],
    edited_at timestamptz,
    version integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    unique (group_id, seq),
    -- One client's message is stored once, however often it is sent.
    unique (group_id, sender, client_id)
);

-- How many messages a member has sent, and had sent up to a place in the sequence.
create unique index message_by_sender on message (group_id, sender, seq);

-- Written at once rather than gathered: a message would otherwise now and then wait for the gathered ones of many.
create index message_by_term on message using gin (terms) with (fastupdate = off);

-- Every durable change in a group, in one sequence without holes. What was said is referred to, never copied, so that
-- a recalled text is gone from here too.
create table event (
    group_id text collate "C" not null,
    -- 1, 2, 3 … in the group.
    seq bigint not null,
    -- 0 message, 1 edited, 2 recalled, 3 joined, 4 left, 5 removed, 6 muted, 7 role, 8 groupUpdated, 9 groupMuted,
    -- 10 dismissed.
    kind integer not null,
    -- The place of the message it is about.
    message_seq bigint,
    -- The user it is about.
    user_id text collate "C",
    -- Who did it.
    by_id text collate "C",
    -- What else it says, as JSON.
    detail text,
    created_at timestamptz not null,
    primary key (group_id, seq)
);
