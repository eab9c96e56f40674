-- Interest in a product by the hour. Every column is a set of sessions, so that adding the same
-- events again changes nothing: that is what lets a delivery be repeated into it (see heal.go).
CREATE TABLE IF NOT EXISTS product_hours
(
    hour    DateTime('UTC'),
    product LowCardinality(String),
    viewers AggregateFunction(uniq, String),
    carters AggregateFunction(uniq, String)
)
ENGINE = AggregatingMergeTree
ORDER BY (hour, product)
TTL hour + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS product_hours_events TO product_hours AS
SELECT
    toStartOfHour(toDateTime(at, 'UTC'), 'UTC') AS hour,
    arrayJoin(arrayDistinct(item_ids)) AS product,
    uniqStateIf(session, type = 'view_item') AS viewers,
    uniqStateIf(session, type = 'add_to_cart') AS carters
FROM events
WHERE bot = 0 AND type IN ('view_item', 'add_to_cart')
GROUP BY hour, product;
