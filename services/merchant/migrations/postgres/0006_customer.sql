-- Where somebody serves customers: it ends when their account is deleted.
create index merchant_by_customer on merchant (customer_id) where serving and closed_at is null;
