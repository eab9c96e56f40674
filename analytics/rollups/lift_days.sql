-- What came of visits within a day of their first exposure to recommendations that are compared, by the day of that: in each place and, as all, anywhere. Visits that were in
-- both arms do not count. Squares are those of what each visit came to, for the error of a mean.
WITH
    exposed AS
    (
        SELECT
            visit,
            slot,
            arraySort(e -> (e.3, e.4, e.5), arrayFilter(e -> slot = 'all' OR e.1 = slot, told))[1] AS first,
            first.2 AS arm,
            first.3 AS at,
            first.4 AS region,
            first.5 AS device
        FROM
        (
            SELECT visit, groupUniqArray((toString(slot), toString(algorithm), at, toString(region), toString(device))) AS told
            FROM events
            WHERE bot = 0 AND type = 'rec_exposure' AND version = '1' AND algorithm IN ('table', 'holdout') AND toDate(stored_at) IN (@stored)
            GROUP BY visit
            HAVING length(arrayDistinct(arrayMap(e -> e.2, told))) = 1
        )
        ARRAY JOIN arrayDistinct(arrayConcat(['all'], arrayMap(e -> e.1, told))) AS slot
    ),
    clicks AS
    (
        SELECT visit, place, groupArray(at) AS times
        FROM events
        ARRAY JOIN [toString(slot), 'all'] AS place
        WHERE bot = 0 AND type = 'rec_click' AND slot != 'recent' AND toDate(stored_at) IN (@stored)
        GROUP BY visit, place
    ),
    orders AS
    (
        SELECT cityHash64(session) AS visit, groupArray((at, toString(currency), total)) AS placed
        FROM sales
        WHERE kind = 'order_placed' AND session != '' AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
        GROUP BY visit
    )
SELECT
    day,
    slot,
    arm,
    region,
    device,
    outcome.1 AS measure,
    outcome.2 AS currency,
    sum(outcome.3) AS total,
    sum(toFloat64(outcome.3) * outcome.3) AS squares
FROM
(
    SELECT
        toDate(e.at) AS day,
        e.slot AS slot,
        e.arm AS arm,
        e.region AS region,
        e.device AS device,
        arrayExists(t -> t >= e.at AND t < e.at + INTERVAL 1 DAY, c.times) AS clicked,
        arrayFilter(o -> o.1 >= e.at AND o.1 < e.at + INTERVAL 1 DAY, o.placed) AS bought
    FROM (SELECT * FROM exposed WHERE @orders) AS e
    LEFT JOIN clicks AS c ON c.visit = e.visit AND c.place = e.slot
    LEFT JOIN orders AS o ON o.visit = e.visit
)
ARRAY JOIN arrayConcat(
    [('exposed', '', toInt64(1)), ('clicked', '', toInt64(clicked)), ('ordered', '', toInt64(notEmpty(bought)))],
    arrayMap(c -> ('revenue', c, toInt64(arraySum(b -> b.3, arrayFilter(b -> b.2 = c, bought)))), arrayDistinct(arrayMap(b -> b.2, bought)))) AS outcome
GROUP BY day, slot, arm, region, device, measure, currency
