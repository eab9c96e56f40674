-- Sessions that looked at a product, or put it into the cart, by the hour and the region.
SELECT
    toDate(at) AS day,
    toStartOfHour(toDateTime(at, 'UTC')) AS hour,
    toString(product) AS product,
    region,
    uniqExactIf(visit, type = 'view_item') AS viewers,
    uniqExactIf(visit, type = 'add_to_cart') AS carters
FROM events
ARRAY JOIN arrayDistinct(item_ids) AS product
WHERE @events AND type IN ('view_item', 'add_to_cart')
GROUP BY day, hour, product, region
