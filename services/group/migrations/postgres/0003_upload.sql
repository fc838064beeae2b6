-- Uploaded files that messages or groups' pictures have named. Its row is held by whoever begins or ends a use of the
-- file, so that no message can begin to use what is being thrown away.
create table upload (
    -- `/upload/<date>/<name>`.
    path text collate "C" primary key,
    -- Since when nothing uses it; null where something does, or no recalled message ever did. From then on no message
    -- can name it.
    discarded_at timestamptz,
    -- When the file service is next to be asked to delete it; null where that is done or not wanted.
    next_at timestamptz,
    -- How often it was asked in vain.
    attempts integer not null default 0
);

-- What is to be deleted.
create index upload_due on upload (next_at) where next_at is not null;

-- What uses a file.
create table attachment (
    path text collate "C" not null references upload (path),
    group_id text collate "C" not null,
    -- The message's place in the group's sequence; 0 for the group's own picture.
    seq bigint not null,
    primary key (group_id, seq)
);

-- Whether anything uses a file.
create index attachment_by_path on attachment (path);

insert into upload (path)
select distinct body::json ->> 'path' from message where kind in (1, 2) and body is not null
union
select icon from chat_group where icon like '/upload/%';

insert into attachment (path, group_id, seq)
select body::json ->> 'path', group_id, seq from message where kind in (1, 2) and body is not null
union all
select icon, id, 0 from chat_group where icon like '/upload/%';
