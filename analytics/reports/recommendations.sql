-- An order belongs to a recommendation when its session clicked that product there before.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    shown AS
    (
        SELECT slot, algorithm, version, countIf(type = 'rec_impression') AS impressions, countIf(type = 'rec_click') AS clicks
        FROM clickstream
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0 AND type IN ('rec_impression', 'rec_click')
        GROUP BY slot, algorithm, version
    ),
    clicked AS
    (
        SELECT slot, algorithm, version, session, product, min(at) AS first
        FROM clickstream
        ARRAY JOIN item_ids AS product
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0 AND type = 'rec_click'
        GROUP BY slot, algorithm, version, session, product
    ),
    bought AS
    (
        SELECT session, product, order_id, at AS bought_at, quantity
        FROM sales
        ARRAY JOIN item_ids AS product, quantities AS quantity
        WHERE at >= t0 AND at < t1 AND kind = 'order_placed' AND session != ''
    ),
    won AS
    (
        SELECT c.slot AS slot, c.algorithm AS algorithm, c.version AS version, uniqExact(b.order_id) AS orders, sum(b.quantity) AS units
        FROM clicked AS c
        INNER JOIN bought AS b ON b.session = c.session AND b.product = c.product
        WHERE b.bought_at >= c.first
        GROUP BY slot, algorithm, version
    )
SELECT
    s.slot AS slot,
    s.algorithm AS algorithm,
    s.version AS version,
    s.impressions AS impressions,
    s.clicks AS clicks,
    if(s.impressions = 0, 0., round(100. * s.clicks / s.impressions, 2)) AS click_rate,
    w.orders AS orders,
    toInt64(w.units) AS units
FROM shown AS s
LEFT JOIN won AS w ON w.slot = s.slot AND w.algorithm = s.algorithm AND w.version = s.version
ORDER BY impressions DESC, slot, algorithm, version
LIMIT 500
