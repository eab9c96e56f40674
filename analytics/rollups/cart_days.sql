-- A cart is a session that added something on a day; it is abandoned when a day has passed without an order.
WITH
    carts AS
    (
        SELECT
            toDate(at) AS day,
            visit,
            min(region) AS region,
            min(device) AS device,
            min(at) AS began,
            anyIf(currencies[1], notEmpty(currencies)) AS currency,
            sum(arraySum(arrayMap((p, q) -> p * greatest(q, 1), prices, quantities))) AS value
        FROM (SELECT at, visit, region, device, currencies, prices, quantities FROM events WHERE @events AND type = 'add_to_cart' LIMIT 1 BY id)
        GROUP BY day, visit
    ),
    ordered AS
    (
        SELECT cityHash64(session) AS visit, groupArray(at) AS times
        FROM sales
        WHERE kind = 'order_placed' AND visit IN (SELECT visit FROM carts)
        GROUP BY visit
    )
SELECT
    c.day AS day,
    toStartOfHour(toDateTime(c.began, 'UTC')) AS hour,
    c.region AS region,
    c.device AS device,
    c.currency AS currency,
    count() AS carts,
    countIf(left) AS abandoned,
    sumIf(c.value, left) AS value
FROM
(
    SELECT
        c.day, c.began, c.region, c.device, c.currency, c.value,
        c.began < now64(3, 'UTC') - INTERVAL 1 DAY AND NOT arrayExists(t -> t >= c.began AND t < c.began + INTERVAL 1 DAY, o.times) AS left
    FROM carts AS c
    LEFT JOIN ordered AS o ON o.visit = c.visit
) AS c
GROUP BY day, hour, region, device, currency
