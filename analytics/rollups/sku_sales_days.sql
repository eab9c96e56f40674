-- What was ordered of a SKU, by the day.
SELECT
    toDate(at) AS day,
    toString(sku) AS sku,
    any(toString(product)) AS product,
    sum(quantity) AS units,
    max(at) AS last_at
FROM
(
    SELECT at, sku, product, quantity
    FROM sales
    ARRAY JOIN item_ids AS product, skus AS sku, quantities AS quantity
    WHERE @orders AND kind = 'order_placed'
)
GROUP BY day, sku
