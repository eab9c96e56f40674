-- A product that is ordered belongs to the last recommendation of it that its session clicked in the 24 hours before.
WITH
    shown AS
    (
        SELECT slot, algorithm, version, sum(impressions) AS impressions, sum(clicks) AS clicks
        FROM @recommendation_days
        WHERE @where
        GROUP BY slot, algorithm, version
    ),
    won AS
    (
        SELECT slot, algorithm, version, currency, sum(orders) AS orders, sum(units) AS units, sum(revenue) AS revenue
        FROM @attribution_days
        WHERE @where
        GROUP BY slot, algorithm, version, currency
    )
SELECT
    s.slot AS slot,
    s.algorithm AS algorithm,
    s.version AS version,
    s.impressions AS impressions,
    s.clicks AS clicks,
    if(s.impressions = 0, 0., round(100. * s.clicks / s.impressions, 2)) AS click_rate,
    w.orders AS orders,
    toInt64(w.units) AS units,
    w.currency AS currency,
    w.revenue AS revenue
FROM shown AS s
LEFT JOIN won AS w ON w.slot = s.slot AND w.algorithm = s.algorithm AND w.version = s.version
ORDER BY impressions DESC, slot, algorithm, version, currency
LIMIT 500
