-- Whether the customer-service user has agreed to be contacted by people they do not know.
alter table merchant add column serving boolean not null default false;

-- Who names themself agrees by doing so.
update merchant set serving = true where customer_id = user_id;
