-- The clickstream's view of empty shelves: a product that sold in the period, is still looked at, and
-- has gone without an order for four times its usual gap, at least a day.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    least(t1, now64(3, 'UTC')) AS t_end,
    sold AS
    (
        SELECT product, toDateTime(max(at), 'UTC') AS last_sold, sum(quantity) AS units,
            units / greatest(1, dateDiff('hour', t0, max(at)) / 24.) AS per_day,
            uniqExact(order_id) / greatest(1, dateDiff('hour', t0, max(at)) / 24.) AS orders_per_day
        FROM sales
        ARRAY JOIN item_ids AS product, quantities AS quantity
        WHERE at >= t0 AND at < t1 AND kind = 'order_placed'
        GROUP BY product
    ),
    looked AS
    (
        SELECT s.product AS product, uniqMerge(h.viewers) AS viewers, uniqMerge(h.carters) AS carters
        FROM product_hours AS h
        INNER JOIN sold AS s ON s.product = h.product
        WHERE h.hour > s.last_sold AND h.hour < t1
        GROUP BY product
    )
SELECT
    s.product AS product,
    s.last_sold AS last_sold,
    round(s.per_day, 2) AS units_per_day,
    l.viewers AS viewers_since,
    l.carters AS carters_since,
    round(dateDiff('second', s.last_sold, t_end) / 86400., 1) AS days_since,
    round(s.per_day * days_since, 1) AS missed_units
FROM sold AS s
INNER JOIN looked AS l ON l.product = s.product
WHERE l.viewers > 0 AND days_since >= greatest(1, 4 / s.orders_per_day)
ORDER BY missed_units DESC, product
LIMIT 200
