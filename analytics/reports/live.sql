-- Who did something in the last half hour before the end of the period; a session that changed its region or device counts in both.
SELECT
    region,
    device,
    uniqExactIf(session, at > t_end - INTERVAL 5 MINUTE) AS now,
    uniqExact(session) AS half_hour,
    uniqExactIf(session, type = 'add_to_cart') AS carts,
    uniqExactIf(session, type = 'begin_checkout') AS checkouts
FROM
(
    SELECT region, device, session, at, type, least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) AS t_end
    FROM events
    WHERE bot = 0 AND at > least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) - INTERVAL 30 MINUTE AND at <= least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC'))
      AND stored_at > least({to:DateTime64(3, 'UTC')}, now64(3, 'UTC')) - INTERVAL 1 DAY
)
WHERE @where
GROUP BY region, device
ORDER BY now DESC, half_hour DESC, region, device
LIMIT 100
