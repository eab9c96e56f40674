-- How far sessions came, by the hour. Sets only, as in product_hours.
CREATE TABLE IF NOT EXISTS funnel_hours
(
    hour      DateTime('UTC'),
    region    LowCardinality(String),
    sessions  AggregateFunction(uniq, String),
    visitors  AggregateFunction(uniq, String),
    viewers   AggregateFunction(uniq, String),
    carters   AggregateFunction(uniq, String),
    checkouts AggregateFunction(uniq, String)
)
ENGINE = AggregatingMergeTree
ORDER BY (hour, region)
TTL hour + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS funnel_hours_events TO funnel_hours AS
SELECT
    toStartOfHour(toDateTime(at, 'UTC'), 'UTC') AS hour,
    region,
    uniqState(session) AS sessions,
    uniqStateIf(visitor, visitor != '') AS visitors,
    uniqStateIf(session, type = 'view_item') AS viewers,
    uniqStateIf(session, type = 'add_to_cart') AS carters,
    uniqStateIf(session, type = 'begin_checkout') AS checkouts
FROM events
WHERE bot = 0
GROUP BY hour, region;
