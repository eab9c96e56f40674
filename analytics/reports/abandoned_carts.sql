SELECT
    toDateTime(toBucket(hour), 'UTC') AS period,
    sum(carts) AS carts,
    sum(abandoned) AS abandoned,
    round(100. * abandoned / carts, 2) AS rate,
    currency,
    sum(value) AS value
FROM @cart_days
WHERE @where
GROUP BY period, currency
ORDER BY period, currency
