WITH
    traffic AS
    (
        SELECT region, device, sum(sessions) AS sessions, uniqExactArray(visitors) AS visitors, sum(carters) AS carts
        FROM @traffic_days
        WHERE @where
        GROUP BY region, device
    ),
    money AS
    (
        SELECT region, device, currency, sum(orders) AS orders, sum(revenue) AS revenue
        FROM @sales_hours
        WHERE @where
        GROUP BY region, device, currency
    )
SELECT
    if(t.sessions = 0, m.region, t.region) AS region,
    if(t.sessions = 0, m.device, t.device) AS device,
    t.sessions AS sessions,
    t.visitors AS visitors,
    t.carts AS carts,
    m.orders AS orders,
    m.currency AS currency,
    m.revenue AS revenue,
    if(t.sessions = 0, 0., round(100. * m.orders / t.sessions, 2)) AS conversion
FROM traffic AS t
FULL OUTER JOIN money AS m ON m.region = t.region AND m.device = t.device
ORDER BY sessions DESC, region, device, currency
LIMIT 500
