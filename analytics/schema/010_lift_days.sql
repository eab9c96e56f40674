-- What came of visits that are compared. There were none before this table, so no day is counted again.
CREATE TABLE IF NOT EXISTS lift_days
(
    day      Date,
    slot     LowCardinality(String),
    arm      LowCardinality(String),
    region   LowCardinality(String),
    device   LowCardinality(String),
    measure  LowCardinality(String),
    currency LowCardinality(String),
    total    Int64,
    squares  Float64,
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, slot) TTL day + INTERVAL 13 MONTH;
