-- One row per entry of the core's outbox. Repeats have the same key and collapse.
CREATE TABLE IF NOT EXISTS orders
(
    id         UUID,
    timeline   UInt32,
    seq        UInt64,
    slice      UInt64,
    kind       LowCardinality(String),
    at         DateTime64(3, 'UTC'),
    order_id   String,
    number     String,
    country    LowCardinality(String),
    currency   LowCardinality(String),
    subtotal   Int64,
    discount   Int64,
    shipping   Int64,
    tax        Int64,
    total      Int64,
    refunded   Int64,
    session    String,
    visitor    String,
    item_ids   Array(LowCardinality(String)),
    skus       Array(LowCardinality(String)),
    quantities Array(UInt32),
    amounts    Array(Int64)
)
ENGINE = ReplacingMergeTree
ORDER BY (timeline, seq)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS sales AS SELECT * FROM orders FINAL;
