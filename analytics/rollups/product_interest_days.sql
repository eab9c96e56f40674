-- Sessions that looked at a product, or put it into the cart, by the day, in all regions and on all devices: the sums of interest_days, in a tenth of the rows. A session
-- counts once in each region and on each device, as there.
SELECT
    toDate(at) AS day,
    toString(product) AS product,
    uniqExactIf(cityHash64(visit, region, device), type = 'view_item') AS viewers,
    uniqExactIf(cityHash64(visit, region, device), type = 'add_to_cart') AS carters
FROM events
ARRAY JOIN arrayDistinct(item_ids) AS product
WHERE @events AND type IN ('view_item', 'add_to_cart')
GROUP BY day, product
