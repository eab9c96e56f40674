WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    periods AS
    (
        SELECT DISTINCT toDateTime(toBucket(toDateTime(t0, 'UTC') + number * 3600), 'UTC') AS period
        FROM numbers(toUInt64(greatest(1, ceil(dateDiff('second', t0, t1) / 3600) + 1)))
        WHERE toDateTime(t0, 'UTC') + number * 3600 < t1
    ),
    traffic AS
    (
        SELECT
            toDateTime(toBucket(hour), 'UTC') AS period,
            uniqMerge(sessions) AS sessions,
            uniqMerge(visitors) AS visitors,
            uniqMerge(carters) AS carts
        FROM funnel_hours
        WHERE hour >= toStartOfHour(t0) AND hour < t1
        GROUP BY period
    ),
    money AS
    (
        SELECT
            toDateTime(toBucket(toDateTime(at, 'UTC')), 'UTC') AS period,
            currency,
            countIf(kind = 'order_placed') AS orders,
            sumIf(arraySum(quantities), kind = 'order_placed') AS units,
            sumIf(total, kind = 'order_placed') AS revenue,
            sumIf(refunded, kind = 'order_refunded') AS refunds
        FROM sales
        WHERE at >= t0 AND at < t1
        GROUP BY period, currency
    )
SELECT
    p.period AS period,
    t.sessions AS sessions,
    t.visitors AS visitors,
    t.carts AS carts,
    m.orders AS orders,
    toInt64(m.units) AS units,
    m.currency AS currency,
    m.revenue AS revenue,
    m.refunds AS refunds,
    if(m.orders = 0, 0, intDiv(m.revenue, m.orders)) AS average_order,
    if(t.sessions = 0, 0., round(100. * m.orders / t.sessions, 2)) AS conversion
FROM periods AS p
LEFT JOIN traffic AS t ON t.period = p.period
LEFT JOIN money AS m ON m.period = p.period
ORDER BY period, currency
