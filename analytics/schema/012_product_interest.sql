-- Interest in products in all regions together. Every day is counted again, so that the new table has those that are over.
CREATE TABLE IF NOT EXISTS product_interest_days
(
    day     Date,
    product LowCardinality(String),
    viewers UInt64,
    carters UInt64,
    made_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, product) TTL day + INTERVAL 13 MONTH;

TRUNCATE TABLE rolled;
