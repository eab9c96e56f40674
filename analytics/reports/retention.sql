-- Only visitors who agreed to be recognised have a visitor id.
WITH
    weeks AS
    (
        SELECT visitor, groupUniqArray(toMonday(day)) AS seen
        FROM @traffic_days
        ARRAY JOIN visitors AS visitor
        WHERE @where
        GROUP BY visitor
    ),
    cohorts AS
    (
        SELECT arrayMin(seen) AS week, seen FROM weeks
    )
SELECT
    toDateTime(week, 'UTC') AS week,
    count() AS visitors,
    round(100. * countIf(has(seen, week + 7)) / count(), 2) AS week_1,
    round(100. * countIf(has(seen, week + 14)) / count(), 2) AS week_2,
    round(100. * countIf(has(seen, week + 21)) / count(), 2) AS week_3,
    round(100. * countIf(has(seen, week + 28)) / count(), 2) AS week_4
FROM cohorts
GROUP BY week
ORDER BY week
