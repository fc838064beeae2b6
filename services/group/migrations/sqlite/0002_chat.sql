-- What the group is for: 0 a group chat, 1 a page member's conversation with its customer service.
alter table chat_group add column kind integer not null default 0;
-- Random; renewed only when a database is restored: clients that hold another epoch drop what they hold.
alter table chat_group add column epoch text not null default '';
-- The place of the last event in the group's sequence 1, 2, 3 …; 0 where there is none.
alter table chat_group add column head_seq integer not null default 0;
-- How many messages there are, recalled ones included.
alter table chat_group add column message_count integer not null default 0;
-- The place of the last message in the sequence; 0 where there is none.
alter table chat_group add column last_seq integer not null default 0;
-- When the last message was stored; null where there is none.
alter table chat_group add column active_at text;
-- How many members there are; a group is opened with its creator in it.
alter table chat_group add column member_count integer not null default 1;
-- Whether only owner and admins may speak.
alter table chat_group add column muted boolean not null default false;
-- When the group was dismissed; null where it was not.
alter table chat_group add column dismissed_at text;

update chat_group set
    epoch = lower(hex(randomblob(12))),
    member_count = (select count(*) from member where member.group_id = chat_group.id);

-- One conversation with the customer service for each member of a page.
create unique index chat_group_service on chat_group (merchant_id, user_id) where kind = 1;

-- A page's group chats are listed oldest first. The wider index of 0001 stays for the release before this one.
create index chat_group_listed on chat_group (merchant_id, created_at, id) where kind = 0;

-- 0 member, 1 admin, 2 owner.
alter table member add column role integer not null default 0;
-- Until when the member may not speak; null or in the past where they may.
alter table member add column mute_until text;
-- The member has read everything up to this place in the sequence.
alter table member add column read_seq integer not null default 0;
-- How many messages of others stand up to there.
alter table member add column read_of_others integer not null default 0;

update member set role = 2
where exists (select 1 from chat_group g where g.id = member.group_id and g.user_id = member.user_id);

-- A user's groups.
create index member_by_user on member (user_id);

-- A group's members are listed in the order in which they joined.
create index member_by_group on member (group_id, created_at, id);

-- Who may not join a group again.
create table ban (
    group_id text not null references chat_group (id),
    user_id text not null,
    -- Who removed them.
    by_id text not null,
    created_at text not null,
    primary key (group_id, user_id)
) without rowid;

-- What was said. No foreign keys: whoever inserts holds the lock on the group's row.
create table message (
    -- What message_terms calls it.
    position integer primary key,
    -- 24 hex digits, as the API shows it.
    id text not null unique,
    group_id text not null,
    -- Its place in the group's sequence.
    seq integer not null,
    -- Its place among the group's messages: 1, 2, 3 …
    number integer not null,
    -- Its place among its sender's messages in the group: 1, 2, 3 …
    own_number integer not null,
    -- A user's id, or service:<name>.
    sender text not null,
    -- What the sender called it, so that sending can be repeated.
    client_id text not null,
    -- 0 text, 1 image, 2 file, 3 system.
    kind integer not null,
    -- The text, or an image's or file's description as JSON; null once it was recalled.
    body text,
    -- The place of the message it answers.
    reply_seq integer,
    -- A JSON array of the mentioned users' ids, "all" among them where everyone is; null where nobody is.
    mentions text,
    edited_at text,
    version integer not null default 0,
    created_at text not null,
    updated_at text not null,
    unique (group_id, seq),
    -- One client's message is stored once, however often it is sent.
    unique (group_id, sender, client_id)
);

-- How many messages a member has sent, and had sent up to a place in the sequence.
create unique index message_by_sender on message (group_id, sender, seq);

-- The words of messages, as hashes of their bigrams in their group. The text itself is not kept twice.
create virtual table message_terms using fts5 (
    terms, content = '', contentless_delete = 1, tokenize = 'ascii', detail = none
);

-- Every durable change in a group, in one sequence without holes. What was said is referred to, never copied, so that
-- a recalled text is gone from here too.
create table event (
    group_id text not null,
    -- 1, 2, 3 … in the group.
    seq integer not null,
    -- 0 message, 1 edited, 2 recalled, 3 joined, 4 left, 5 removed, 6 muted, 7 role, 8 groupUpdated, 9 groupMuted,
    -- 10 dismissed.
    kind integer not null,
    -- The place of the message it is about.
    message_seq integer,
    -- The user it is about.
    user_id text,
    -- Who did it.
    by_id text,
    -- What else it says, as JSON.
    detail text,
    created_at text not null,
    primary key (group_id, seq)
) without rowid;
