-- Only visitors who agreed to be recognised have a visitor id. Counted with the days, so today's are in it an hour later at most.
SELECT
    toDateTime(week, 'UTC') AS first_week,
    sumIf(c.visitors, later = 0) AS first_seen,
    round(100. * sumIf(c.visitors, later = 1) / first_seen, 2) AS week_1,
    round(100. * sumIf(c.visitors, later = 2) / first_seen, 2) AS week_2,
    round(100. * sumIf(c.visitors, later = 3) / first_seen, 2) AS week_3,
    round(100. * sumIf(c.visitors, later = 4) / first_seen, 2) AS week_4
FROM cohort_weeks AS c
WHERE made_at = (SELECT max(made_at) FROM cohort_weeks) AND week >= toMonday(toDate({from:DateTime64(3, 'UTC')})) AND week < {to:DateTime64(3, 'UTC')} AND @where
GROUP BY week
ORDER BY week
