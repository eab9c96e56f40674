-- Visitors by the week in which they were first seen and the weeks in which they were there, the first among them. One who used several regions or devices counts in the first by name.
SELECT
    first AS week,
    toUInt16(dateDiff('week', first, seen)) AS later,
    region,
    device,
    count() AS visitors
FROM
(
    SELECT visitor, min(region) AS region, min(device) AS device, groupUniqArray(toMonday(day)) AS weeks, arrayMin(weeks) AS first
    FROM @traffic_days
    ARRAY JOIN visitors AS visitor
    GROUP BY visitor
)
ARRAY JOIN weeks AS seen
GROUP BY week, later, region, device
