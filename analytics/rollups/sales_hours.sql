-- Orders and refunds by the hour, with the region and the device of the session that ordered.
SELECT
    toDate(at) AS day,
    toStartOfHour(toDateTime(at, 'UTC')) AS hour,
    b.region AS region,
    b.device AS device,
    currency,
    countIf(kind = 'order_placed') AS orders,
    sumIf(arraySum(quantities), kind = 'order_placed') AS units,
    sumIf(total, kind = 'order_placed') AS revenue,
    sumIf(refunded, kind = 'order_refunded') AS refunds
FROM (SELECT * FROM sales WHERE @orders) AS s
LEFT JOIN @buyers AS b ON b.session = s.session
GROUP BY day, hour, region, device, currency
