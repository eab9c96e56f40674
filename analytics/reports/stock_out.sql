-- The clickstream's view of empty shelves: a product that sold in the period, is still looked at on days after, and
-- has gone without an order for four times its usual gap, at least a day.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) AS t_end,
    sold AS
    (
        SELECT
            toString(product) AS product,
            toDateTime(max(last_at), 'UTC') AS last_sold,
            sum(units) / greatest(1, dateDiff('hour', t0, last_sold) / 24.) AS per_day,
            sum(orders) / greatest(1, dateDiff('hour', t0, last_sold) / 24.) AS orders_per_day
        FROM @product_sales_days
        WHERE @where
        GROUP BY product
    ),
    looked AS
    (
        SELECT s.product AS product, sum(i.viewers) AS viewers, sum(i.carters) AS carters
        FROM @interest AS i
        INNER JOIN sold AS s ON s.product = toString(i.product)
        WHERE i.day > toDate(s.last_sold) AND @there
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
