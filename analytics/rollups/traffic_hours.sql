-- Who came, by the hour. Visitors are hashes, so that several hours can be counted together.
SELECT
    toDate(at) AS day,
    toStartOfHour(toDateTime(at, 'UTC')) AS hour,
    region,
    device,
    uniqExact(visit) AS sessions,
    groupUniqArrayIf(cityHash64(visitor), visitor != '') AS visitors,
    uniqExactIf(visit, type = 'add_to_cart') AS carters
FROM events
WHERE @events
GROUP BY day, hour, region, device
