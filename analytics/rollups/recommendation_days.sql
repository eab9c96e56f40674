-- Recommendations shown and clicked.
SELECT
    toDate(at) AS day,
    slot,
    algorithm,
    version,
    region,
    device,
    uniqExactIf(id, type = 'rec_impression') AS impressions,
    uniqExactIf(id, type = 'rec_click') AS clicks
FROM events
WHERE @events AND type IN ('rec_impression', 'rec_click')
GROUP BY day, slot, algorithm, version, region, device
