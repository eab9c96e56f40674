-- Only visitors who agreed to be recognised have a visitor id.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    weeks AS
    (
        SELECT visitor, groupUniqArray(toMonday(toDate(at))) AS seen
        FROM clickstream
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0 AND visitor != ''
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
