-- How fast SKUs sell. Every day is counted again, so that the new table has those that are over.
CREATE TABLE IF NOT EXISTS sku_sales_days
(
    day     Date,
    sku     String,
    product String,
    units   UInt64,
    last_at DateTime64(3, 'UTC'),
    made_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, sku);

TRUNCATE TABLE rolled;
