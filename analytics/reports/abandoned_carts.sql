-- A cart is a session that added something; it is abandoned when a day has passed without an order.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    carts AS
    (
        SELECT
            session,
            min(at) AS began,
            anyIf(arrayElement(currencies, 1), notEmpty(currencies)) AS currency,
            sum(arraySum(arrayMap((p, q) -> p * greatest(q, 1), prices, quantities))) AS value
        FROM clickstream
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0 AND type = 'add_to_cart'
        GROUP BY session
    ),
    ordered AS
    (
        SELECT session, groupArray(at) AS times
        FROM sales
        WHERE at >= t0 AND at < t1 + INTERVAL 1 DAY AND kind = 'order_placed' AND session != ''
        GROUP BY session
    )
SELECT
    toDateTime(toBucket(toDateTime(c.began, 'UTC')), 'UTC') AS period,
    count() AS carts,
    countIf(left) AS abandoned,
    round(100. * countIf(left) / count(), 2) AS rate,
    c.currency AS currency,
    toInt64(sumIf(c.value, left)) AS value
FROM
(
    SELECT
        c.began, c.currency, c.value,
        c.began < now64(3, 'UTC') - INTERVAL 1 DAY AND NOT arrayExists(t -> t >= c.began AND t < c.began + INTERVAL 1 DAY, o.times) AS left
    FROM carts AS c
    LEFT JOIN ordered AS o ON o.session = c.session
) AS c
GROUP BY period, currency
ORDER BY period, currency
