-- What someone has reported, where it is to go with their account.
create index report_by_reporter on report (reporter_id);
