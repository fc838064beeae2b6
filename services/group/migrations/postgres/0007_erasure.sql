-- What someone has reported, where it is to go with their account.
create index report_by_reporter on report (reporter_id);

-- The planner keeps samples of columns' values apart from their rows, where erased words would stay.
alter table message alter column body set statistics 0;
alter table report alter column reason set statistics 0;
