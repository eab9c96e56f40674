-- What the table of recommendations is worth: visits that got it against those that were held out and got what is popular. recommend/DESIGN.md says who
-- is exposed, and has the formulas. A visit counts from its first exposure in the period, and for a day; one that was in both arms, since the share was changed, does not count.
WITH
    1.959963984540054 AS z, -- 95 % of a normal distribution lie within so many deviations
    told AS
    (
        SELECT visit, toString(slot) AS place, toString(algorithm) AS arm, min(at) AS since
        FROM events
        WHERE bot = 0 AND type = 'rec_exposure' AND version = '1' AND algorithm IN ('table', 'holdout')
          AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
          AND toDate(stored_at) >= toDate({from:DateTime64(3, 'UTC')}) - 1 AND toDate(stored_at) <= toDate({to:DateTime64(3, 'UTC')}) + 3 AND @where
        GROUP BY visit, place, arm
    ),
    exposed AS
    (
        SELECT visit, slot, any(arm) AS chosen, min(since) AS first
        FROM told
        ARRAY JOIN [place, 'all'] AS slot
        GROUP BY visit, slot
        HAVING visit NOT IN (SELECT visit FROM told GROUP BY visit HAVING uniqExact(arm) > 1)
    ),
    clicks AS
    (
        SELECT visit, place, groupArray(at) AS times
        FROM events
        ARRAY JOIN [toString(slot), 'all'] AS place
        WHERE bot = 0 AND type = 'rec_click' AND slot != 'recent' AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
          AND toDate(stored_at) >= toDate({from:DateTime64(3, 'UTC')}) - 1 AND toDate(stored_at) <= toDate({to:DateTime64(3, 'UTC')}) + 4
          AND visit IN (SELECT visit FROM told)
        GROUP BY visit, place
    ),
    orders AS
    (
        SELECT cityHash64(session) AS visit, groupArray((at, toString(currency), total)) AS placed
        FROM sales
        WHERE kind = 'order_placed' AND session != '' AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')} + INTERVAL 1 DAY
          AND visit IN (SELECT visit FROM told)
        GROUP BY visit
    ),
    -- What came of each exposed visit: 1 or 0, or what it spent.
    outcomes AS
    (
        SELECT slot, arm, outcome.1 AS measure, outcome.2 AS currency, outcome.3 AS value
        FROM
        (
            SELECT
                e.slot AS slot,
                e.chosen AS arm,
                arrayExists(t -> t >= e.first AND t < e.first + INTERVAL 1 DAY, c.times) AS clicked,
                arrayFilter(o -> o.1 >= e.first AND o.1 < e.first + INTERVAL 1 DAY, o.placed) AS bought
            FROM exposed AS e
            LEFT JOIN clicks AS c ON c.visit = e.visit AND c.place = e.slot
            LEFT JOIN orders AS o ON o.visit = e.visit
        )
        ARRAY JOIN arrayConcat(
            [('exposed', '', 1.), ('clicked', '', toFloat64(clicked)), ('ordered', '', toFloat64(notEmpty(bought)))],
            arrayMap(c -> ('revenue', c, toFloat64(arraySum(b -> b.3, arrayFilter(b -> b.2 = c, bought)))), arrayDistinct(arrayMap(b -> b.2, bought)))) AS outcome
    ),
    sums AS
    (
        SELECT
            slot, measure, currency,
            sumIf(value, arm = 'table') AS x,
            sumIf(value * value, arm = 'table') AS xx,
            sumIf(value, arm = 'holdout') AS y,
            sumIf(value * value, arm = 'holdout') AS yy
        FROM outcomes
        GROUP BY slot, measure, currency
    ),
    sized AS
    (
        SELECT *, maxIf(x, measure = 'exposed') OVER (PARTITION BY slot) AS n, maxIf(y, measure = 'exposed') OVER (PARTITION BY slot) AS m
        FROM sums
    ),
    -- The ratio of both arms, and by how much of itself it may be off.
    ratios AS
    (
        SELECT
            *,
            if(x > 0 AND y > 0, (x / n) / (y / m), NULL) AS ratio,
            if(measure = 'revenue',
                sqrt((xx * n / (x * x) - 1) / greatest(n - 1, 1) + (yy * m / (y * y) - 1) / greatest(m - 1, 1)),
                sqrt(greatest(0, 1 / x - 1 / n + 1 / y - 1 / m))) AS off,
            if(measure = 'revenue', ratio * (1 - z * off), ratio * exp(-z * off)) AS low,
            if(measure = 'revenue', ratio * (1 + z * off), ratio * exp(z * off)) AS high,
            -- So many times as many sessions are needed, if the difference stays what it is.
            pow(z * off / if(measure = 'revenue', abs(ratio - 1) / ratio, abs(log(ratio))), 2) AS needed
        FROM sized
        WHERE measure != 'exposed'
    )
SELECT
    slot,
    measure,
    currency,
    toInt64(n) AS sessions,
    toInt64(x) AS total,
    if(n = 0, 0., if(measure = 'revenue', 1, 100) * x / n) AS per_session,
    toInt64(m) AS held_out_sessions,
    toInt64(y) AS held_out_total,
    if(m = 0, 0., if(measure = 'revenue', 1, 100) * y / m) AS held_out_per_session,
    100 * (ratio - 1) AS lift,
    100 * (low - 1) AS lift_low,
    100 * (high - 1) AS lift_high,
    multiIf(
        ratio IS NULL, 'cannot be told yet: in an arm there is none',
        low > 1, 'the table is worth more than what is popular',
        high < 1, 'the table is worth less than what is popular',
        isNaN(needed) OR needed > 1000, 'cannot be told yet: there is hardly a difference so far',
        concat('cannot be told yet: about ', toString(toUInt64(ceil((n + m) * greatest(needed - 1, 0.01)))), ' more sessions')) AS verdict
FROM ratios
ORDER BY slot = 'all' DESC, n + m DESC, slot, indexOf(['clicked', 'ordered', 'revenue'], measure), currency
LIMIT 1000
