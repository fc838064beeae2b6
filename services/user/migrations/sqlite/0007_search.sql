-- How many sessions of one user have ended is counted before another one is added.
create index account_change_by_user on account_change (user_id) where session_id is not null;
