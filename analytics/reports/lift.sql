-- What the table of recommendations is worth: visits that got it against those that were held out and got what is popular. recommend/DESIGN.md says who
-- is exposed, and has the formulas.
WITH
    1.959963984540054 AS z, -- 95 % of a normal distribution lie within so many deviations
    sums AS
    (
        SELECT
            toString(slot) AS place,
            toString(measure) AS kind,
            toString(currency) AS money,
            toFloat64(sumIf(total, arm = 'table')) AS x,
            sumIf(squares, arm = 'table') AS xx,
            toFloat64(sumIf(total, arm = 'holdout')) AS y,
            sumIf(squares, arm = 'holdout') AS yy
        FROM @lift_days
        WHERE @where
        GROUP BY place, kind, money
    ),
    sized AS
    (
        SELECT place AS slot, kind AS measure, money AS currency, x, xx, y, yy, maxIf(x, kind = 'exposed') OVER (PARTITION BY place) AS n, maxIf(y, kind = 'exposed') OVER (PARTITION BY place) AS m
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
