-- Looked at by many, bought by few: first those whose orders stay furthest behind what their viewers would buy at the shop's average.
WITH
    interest AS
    (
        SELECT toString(product) AS product, sum(viewers) AS viewers, sum(carters) AS carters
        FROM @interest
        WHERE @there
        GROUP BY product
    ),
    sold AS
    (
        SELECT toString(product) AS product, sum(orders) AS orders
        FROM @product_sales_days
        WHERE @where
        GROUP BY product
    ),
    both AS
    (
        SELECT i.product AS product, i.viewers AS viewers, i.carters AS carters, s.orders AS orders, sum(s.orders) OVER () / greatest(sum(i.viewers) OVER (), 1) AS usual
        FROM interest AS i
        LEFT JOIN sold AS s ON s.product = i.product
    )
SELECT
    product,
    viewers,
    carters,
    orders,
    round(100. * orders / viewers, 2) AS conversion,
    round(viewers * usual - orders, 1) AS missed_orders
FROM both
WHERE viewers > 0 AND viewers * usual > orders
ORDER BY missed_orders DESC, viewers DESC, product
LIMIT 200
