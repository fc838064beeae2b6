-- What the user wants to be called; empty where nothing is set.
alter table account add column nickname text not null default '';

-- The path of the user's picture among our own uploads; empty where none is set.
alter table account add column avatar text not null default '';
