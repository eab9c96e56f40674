-- Reports read days that are over from tables of counts, which are counted from the events (analytics/rollups) and counted again when late events come.
ALTER TABLE events ADD COLUMN IF NOT EXISTS device LowCardinality(String) AFTER region;
ALTER TABLE events ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)) AFTER stored_at;
ALTER TABLE events ADD INDEX IF NOT EXISTS ix_inserted inserted_at TYPE minmax GRANULARITY 1;
ALTER TABLE events ADD COLUMN IF NOT EXISTS visit UInt64 MATERIALIZED cityHash64(session) CODEC(NONE) AFTER session;
ALTER TABLE orders ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') AFTER at;
CREATE OR REPLACE VIEW clickstream AS SELECT * FROM events FINAL;
CREATE OR REPLACE VIEW sales AS SELECT * FROM orders FINAL
WHERE NOT arrayExists(gone -> gone.1 = timeline AND seq > gone.2, (SELECT groupArray((timeline, after_seq)) FROM abandoned FINAL));
DROP VIEW IF EXISTS product_hours_events;
DROP VIEW IF EXISTS funnel_hours_events;
DROP TABLE IF EXISTS product_hours;
DROP TABLE IF EXISTS funnel_hours;

-- Which count of a day holds. The day 1970-01-01 says until when what was inserted has been counted.
CREATE TABLE IF NOT EXISTS rolled
(
    day     Date,
    made_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(made_at)
ORDER BY day
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS traffic_hours
(
    day      Date,
    hour     DateTime('UTC'),
    region   LowCardinality(String),
    device   LowCardinality(String),
    sessions UInt64,
    visitors Array(UInt64) CODEC(NONE),
    carters  UInt64,
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, hour) TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS traffic_days
(
    day      Date,
    region   LowCardinality(String),
    device   LowCardinality(String),
    sessions UInt64,
    visitors Array(UInt64) CODEC(NONE),
    carters  UInt64,
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS funnel_days
(
    day     Date,
    region  LowCardinality(String),
    device  LowCardinality(String),
    visited UInt64,
    viewed  UInt64,
    carted  UInt64,
    began   UInt64,
    ordered UInt64,
    made_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY day TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS interest_hours
(
    day     Date,
    hour    DateTime('UTC'),
    product LowCardinality(String),
    viewers UInt64,
    carters UInt64,
    made_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, hour) TTL day + INTERVAL 1 MONTH;

CREATE TABLE IF NOT EXISTS interest_days
(
    day     Date,
    product LowCardinality(String),
    region  LowCardinality(String),
    device  LowCardinality(String),
    viewers UInt64,
    carters UInt64,
    made_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, product) TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS sales_hours
(
    day      Date,
    hour     DateTime('UTC'),
    region   LowCardinality(String),
    device   LowCardinality(String),
    currency LowCardinality(String),
    orders   UInt64,
    units    UInt64,
    revenue  Int64,
    refunds  Int64,
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, hour);

CREATE TABLE IF NOT EXISTS product_sales_days
(
    day      Date,
    product  LowCardinality(String),
    region   LowCardinality(String),
    device   LowCardinality(String),
    currency LowCardinality(String),
    orders   UInt64,
    units    UInt64,
    revenue  Int64,
    last_at  DateTime64(3, 'UTC'),
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, product);

CREATE TABLE IF NOT EXISTS search_days
(
    day             Date,
    words           String,
    region          LowCardinality(String),
    device          LowCardinality(String),
    searches        UInt64,
    sessions        UInt64,
    without_results UInt64,
    counted         UInt64,
    results         Int64,
    clicked         UInt64,
    made_at         DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, words) TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS recommendation_days
(
    day         Date,
    slot        LowCardinality(String),
    algorithm   LowCardinality(String),
    version     LowCardinality(String),
    region      LowCardinality(String),
    device      LowCardinality(String),
    impressions UInt64,
    clicks      UInt64,
    made_at     DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, slot) TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS attribution_days
(
    day       Date,
    slot      LowCardinality(String),
    algorithm LowCardinality(String),
    version   LowCardinality(String),
    region    LowCardinality(String),
    device    LowCardinality(String),
    currency  LowCardinality(String),
    orders    UInt64,
    units     UInt64,
    revenue   Int64,
    made_at   DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, slot) TTL day + INTERVAL 13 MONTH;

CREATE TABLE IF NOT EXISTS cart_days
(
    day       Date,
    hour      DateTime('UTC'),
    region    LowCardinality(String),
    device    LowCardinality(String),
    currency  LowCardinality(String),
    carts     UInt64,
    abandoned UInt64,
    value     Int64,
    made_at   DateTime64(3, 'UTC')
)
ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY (day, hour) TTL day + INTERVAL 13 MONTH;

-- How many of the visitors first seen in a week were there so many weeks later.
CREATE TABLE IF NOT EXISTS cohort_weeks
(
    week     Date,
    later    UInt16,
    region   LowCardinality(String),
    device   LowCardinality(String),
    visitors UInt64,
    made_at  DateTime64(3, 'UTC')
)
ENGINE = MergeTree ORDER BY (made_at, week, later);

-- What merchandisers asked in SQL.
CREATE TABLE IF NOT EXISTS asked
(
    at      DateTime64(3, 'UTC'),
    who     String,
    query   String,
    rows    UInt32,
    took_ms UInt32,
    error   String
)
ENGINE = MergeTree ORDER BY (who, at) TTL toDateTime(at) + INTERVAL 13 MONTH;
