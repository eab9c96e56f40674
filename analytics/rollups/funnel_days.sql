-- How far the sessions of a day came. A step counts only after the steps before it, in the same session. Purchases are the core's, not the browser's.
SELECT
    day,
    region,
    device,
    count() AS visited,
    countIf(level >= 1) AS viewed,
    countIf(level >= 2) AS carted,
    countIf(level >= 3) AS began,
    countIf(level >= 4) AS ordered
FROM
(
    SELECT
        toDate(at) AS day,
        visit,
        minIf(region, step != 'order') AS region,
        minIf(device, step != 'order') AS device,
        windowFunnel(86400000)(toUInt64(toUnixTimestamp64Milli(at)), step = 'view_item', step = 'add_to_cart', step = 'begin_checkout', step = 'order') AS level
    FROM
    (
        SELECT visit, at, toString(type) AS step, toString(region) AS region, toString(device) AS device FROM events WHERE @events
        UNION ALL
        SELECT cityHash64(session) AS visit, at, 'order' AS step, '' AS region, '' AS device FROM sales WHERE @orders AND kind = 'order_placed' AND session != ''
    )
    GROUP BY day, visit
)
GROUP BY day, region, device
