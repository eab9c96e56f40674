WITH
    counts AS
    (
        SELECT arrayJoin([(1, 'visited', sum(visited)), (2, 'viewed a product', sum(viewed)), (3, 'added to the cart', sum(carted)),
            (4, 'began the checkout', sum(began)), (5, 'ordered', sum(ordered))]) AS step
        FROM @funnel_days
        WHERE @where
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
