-- In an hour a session and a visitor count once; in longer periods a session counts once a day.
WITH
    periods AS
    (
        SELECT DISTINCT toDateTime(toBucket(toDateTime({from:DateTime64(3, 'UTC')}, 'UTC') + number * 3600), 'UTC') AS period
        FROM numbers(toUInt64(greatest(1, ceil(dateDiff('second', {from:DateTime64(3, 'UTC')}, {to:DateTime64(3, 'UTC')}) / 3600) + 1)))
        WHERE toDateTime({from:DateTime64(3, 'UTC')}, 'UTC') + number * 3600 < {to:DateTime64(3, 'UTC')}
    ),
    traffic AS
    (
        SELECT
            toDateTime(toBucket(@when), 'UTC') AS period,
            sum(sessions) AS sessions,
            uniqExactArray(visitors) AS visitors,
            sum(carters) AS carts
        FROM @traffic
        WHERE @where
        GROUP BY period
    ),
    money AS
    (
        SELECT
            toDateTime(toBucket(hour), 'UTC') AS period,
            currency,
            sum(orders) AS orders,
            sum(units) AS units,
            sum(revenue) AS revenue,
            sum(refunds) AS refunds
        FROM @sales_hours
        WHERE @where
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
