-- A step counts only after the steps before it, within a day, in the same session. Purchases are the
-- core's, not the browser's.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    steps AS
    (
        SELECT session, at, toString(type) AS type
        FROM clickstream
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0
        UNION ALL
        SELECT session, at, 'order' AS type
        FROM sales
        WHERE at >= t0 AND at < t1 AND kind = 'order_placed' AND session != ''
    ),
    levels AS
    (
        SELECT
            session,
            windowFunnel(86400000)(toUInt64(toUnixTimestamp64Milli(at)),
                type = 'view_item', type = 'add_to_cart', type = 'begin_checkout', type = 'order') AS level
        FROM steps
        GROUP BY session
    ),
    counts AS
    (
        SELECT arrayJoin([(1, 'visited', count()), (2, 'viewed a product', countIf(level >= 1)), (3, 'added to the cart', countIf(level >= 2)),
            (4, 'began the checkout', countIf(level >= 3)), (5, 'ordered', countIf(level >= 4))]) AS step
        FROM levels
    )
SELECT
    toInt64(step.1) AS position,
    step.2 AS name,
    toInt64(step.3) AS sessions,
    if(max(step.3) OVER () = 0, 0., round(100. * step.3 / max(step.3) OVER (), 2)) AS of_first,
    if(position = 1, 100., if(lagInFrame(step.3) OVER w = 0, 0., round(100. * step.3 / lagInFrame(step.3) OVER w, 2))) AS of_previous
FROM counts
WINDOW w AS (ORDER BY step.1 ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
ORDER BY position
