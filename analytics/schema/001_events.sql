-- Every event once per batch. A batch has one value of stored_at, hence one partition and one part:
-- it is written whole or not at all. The sort key is made only of what the browser said, so that the
-- copies of an event that reached two edges lie together and collapse.
CREATE TABLE IF NOT EXISTS events
(
    id          UUID,
    type        LowCardinality(String),
    at          DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    stated_day  Date32 CODEC(Delta(4), ZSTD(1)),
    stored_at   DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    batch       String CODEC(ZSTD(1)),
    edge        LowCardinality(String),
    region      LowCardinality(String),
    session     String CODEC(ZSTD(1)),
    visitor     String CODEC(ZSTD(1)),
    bot         UInt8,
    item_ids    Array(LowCardinality(String)),
    skus        Array(LowCardinality(String)),
    quantities  Array(UInt32),
    prices      Array(Int64),
    currencies  Array(LowCardinality(String)),
    query       String CODEC(ZSTD(1)),
    results     Int64,
    slot        LowCardinality(String),
    algorithm   LowCardinality(String),
    version     LowCardinality(String),
    INDEX ix_batch batch TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(received_at)
PARTITION BY toDate(stored_at)
ORDER BY (stated_day, type, id)
TTL stored_at + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;

-- What readers query: each event id once.
CREATE VIEW IF NOT EXISTS clickstream AS SELECT * FROM events FINAL;
