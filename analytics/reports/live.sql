-- Who did something in the last half hour before the end of the period; a session that changed its region or device counts in both.
SELECT
    region,
    device,
    uniqExactIf(visit, at > t_end - INTERVAL 5 MINUTE) AS now,
    uniqExact(visit) AS half_hour,
    uniqExactIf(visit, type = 'add_to_cart') AS carts,
    uniqExactIf(visit, type = 'begin_checkout') AS checkouts
FROM
(
    SELECT region, device, visit, at, type, least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) AS t_end
    FROM events
    WHERE bot = 0 AND at > least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) - INTERVAL 30 MINUTE AND at <= least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC'))
      AND stored_at > least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) - INTERVAL 1 HOUR
)
WHERE @where
GROUP BY region, device
ORDER BY now DESC, half_hour DESC, region, device
LIMIT 100
