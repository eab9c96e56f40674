-- Arrays of LowCardinality are moved row by row in every merge, which takes twice the time of the strings themselves.
ALTER TABLE events MODIFY COLUMN item_ids Array(String);
ALTER TABLE events MODIFY COLUMN skus Array(String);
ALTER TABLE events MODIFY COLUMN currencies Array(String);
CREATE OR REPLACE VIEW clickstream AS SELECT * FROM events FINAL;
