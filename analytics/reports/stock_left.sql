-- How fast SKUs sell, from their first order in the period on, at least a day. What is left of them the core knows.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) AS t_end
SELECT
    argMax(s.product, s.last_at) AS product,
    s.sku AS sku,
    toInt64(sum(s.units)) AS units,
    round(units / greatest(1, dateDiff('second', greatest(t0, toDateTime64(min(s.day), 3, 'UTC')), t_end) / 86400.), 2) AS units_per_day,
    toDateTime(max(s.last_at), 'UTC') AS last_sold
FROM @sku_sales_days AS s
GROUP BY s.sku
HAVING units > 0
ORDER BY units_per_day DESC, sku
LIMIT 500
