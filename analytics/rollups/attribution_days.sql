-- What recommendations sold, by the day of the order: a product belongs to the last recommendation of it that its session clicked in the 24 hours before.
WITH
    bought AS
    (
        SELECT at, session, toString(product) AS product, order_id, currency, quantity, amount
        FROM sales
        ARRAY JOIN item_ids AS product, quantities AS quantity, amounts AS amount
        WHERE @orders AND kind = 'order_placed' AND session != ''
    ),
    clicked AS
    (
        SELECT session, toString(product) AS product, groupUniqArray((at, toString(slot), toString(algorithm), toString(version), toString(region), toString(device))) AS clicks
        FROM events
        ARRAY JOIN item_ids AS product
        WHERE bot = 0 AND type = 'rec_click' AND toDate(stored_at) IN (@stored) AND session IN (SELECT session FROM bought)
        GROUP BY session, product
    )
SELECT
    day,
    click.2 AS slot,
    click.3 AS algorithm,
    click.4 AS version,
    click.5 AS region,
    click.6 AS device,
    currency,
    uniqExact(order_id) AS orders,
    sum(quantity) AS units,
    sum(amount) AS revenue
FROM
(
    SELECT
        toDate(b.at) AS day,
        b.order_id AS order_id,
        b.currency AS currency,
        b.quantity AS quantity,
        b.amount AS amount,
        arrayReverseSort(arrayFilter(c -> c.1 <= b.at AND c.1 > b.at - INTERVAL 1 DAY, c.clicks)) AS before,
        before[1] AS click
    FROM bought AS b
    INNER JOIN clicked AS c ON c.session = b.session AND c.product = b.product
    WHERE notEmpty(before)
)
GROUP BY day, slot, algorithm, version, region, device, currency
