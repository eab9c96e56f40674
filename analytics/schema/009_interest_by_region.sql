-- Interest by the hour knows the region, so that each edge can say what is popular in its own. The days that the table still has are counted again.
ALTER TABLE interest_hours ADD COLUMN IF NOT EXISTS region LowCardinality(String) AFTER product;
DELETE FROM rolled WHERE day >= today() - 40;
