-- How many sessions of one user have ended is counted before another one is added.
create index account_change_by_user on account_change (user_id) where session_id is not null;

-- Accounts are found by the beginning of their names, which an index in a language's own order cannot tell.
create index account_by_name on account (username_key collate "C");
