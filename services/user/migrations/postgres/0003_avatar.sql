-- Whether a file that is about to be deleted is anybody's picture.
create index account_by_avatar on account (avatar) where avatar <> '';
