-- What was ordered of a product, by the day, with the region and the device of the session that ordered.
SELECT
    toDate(at) AS day,
    toString(product) AS product,
    b.region AS region,
    b.device AS device,
    currency,
    uniqExact(order_id) AS orders,
    sum(quantity) AS units,
    sum(amount) AS revenue,
    max(at) AS last_at
FROM
(
    SELECT at, session, order_id, currency, product, quantity, amount
    FROM sales
    ARRAY JOIN item_ids AS product, quantities AS quantity, amounts AS amount
    WHERE @orders AND kind = 'order_placed'
) AS s
LEFT JOIN @buyers AS b ON b.session = s.session
GROUP BY day, product, region, device, currency
