-- Interest by the hour knows the region, so that each edge can say what is popular in its own. Every day is counted again: a replicated table can be told to delete by a condition only if that says the same at any time and place, which one with today() does not.
ALTER TABLE interest_hours ADD COLUMN IF NOT EXISTS region LowCardinality(String) AFTER product;
TRUNCATE TABLE rolled;
