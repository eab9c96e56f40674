-- Who came, by the day.
SELECT
    toDate(at) AS day,
    region,
    device,
    uniqExact(visit) AS sessions,
    groupUniqArrayIf(cityHash64(visitor), visitor != '') AS visitors,
    uniqExactIf(visit, type = 'add_to_cart') AS carters
FROM events
WHERE @events
GROUP BY day, region, device
