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
        SELECT toString(product) AS product, currency, sum(orders) AS orders, sum(units) AS units, sum(revenue) AS revenue
        FROM @product_sales_days
        WHERE @where
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
