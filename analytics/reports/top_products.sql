WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    interest AS
    (
        SELECT product, uniqMerge(viewers) AS viewers, uniqMerge(carters) AS carters
        FROM product_hours
        WHERE hour >= toStartOfHour(t0) AND hour < t1
        GROUP BY product
    ),
    sold AS
    (
        SELECT product, currency, uniqExact(order_id) AS orders, sum(quantity) AS units, sum(amount) AS revenue
        FROM sales
        ARRAY JOIN item_ids AS product, quantities AS quantity, amounts AS amount
        WHERE at >= t0 AND at < t1 AND kind = 'order_placed'
        GROUP BY product, currency
    )
SELECT
    if(i.product = '', s.product, i.product) AS product,
    i.viewers AS viewers,
    i.carters AS carters,
    s.orders AS orders,
    toInt64(s.units) AS units,
    s.currency AS currency,
    s.revenue AS revenue,
    if(i.viewers = 0, 0., round(100. * s.orders / i.viewers, 2)) AS conversion
FROM interest AS i
FULL OUTER JOIN sold AS s ON s.product = i.product
ORDER BY revenue DESC, carters DESC, viewers DESC, product
LIMIT 200
