-- Interest in a product by the hour. Every column is a set of sessions or orders, so that a repeated
-- delivery cannot raise it.
CREATE TABLE IF NOT EXISTS product_hours
(
    hour    DateTime('UTC'),
    product LowCardinality(String),
    viewers AggregateFunction(uniq, String),
    carters AggregateFunction(uniq, String),
    orders  AggregateFunction(uniqExact, String)
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

CREATE MATERIALIZED VIEW IF NOT EXISTS product_hours_orders TO product_hours AS
SELECT
    toStartOfHour(toDateTime(at, 'UTC'), 'UTC') AS hour,
    arrayJoin(arrayDistinct(item_ids)) AS product,
    uniqExactState(order_id) AS orders
FROM orders
WHERE kind = 'order_placed'
GROUP BY hour, product;
