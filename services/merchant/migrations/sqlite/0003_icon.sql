-- Whether a file that is about to be deleted is a page's picture.
create index merchant_by_icon on merchant (icon) where icon like '/upload/%';
