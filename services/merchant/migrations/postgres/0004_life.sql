-- When its creator closed the page; null while it is open. A closed page is only read: nobody joins it, and it gets no
-- new groups.
alter table merchant add column closed_at timestamptz;

-- A page's members are listed in the order in which they joined.
create index membership_by_merchant on membership (merchant_id, created_at, id);
