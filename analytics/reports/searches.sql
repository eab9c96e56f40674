-- A search counts as clicked when its session looks at a product within half an hour.
WITH
    {from:DateTime64(3, 'UTC')} AS t0,
    {to:DateTime64(3, 'UTC')} AS t1,
    found AS
    (
        SELECT lowerUTF8(trimBoth(query)) AS words, session, at, results
        FROM clickstream
        WHERE at >= t0 AND at < t1 AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0
          AND type IN ('search', 'view_search_results') AND query != ''
    ),
    looks AS
    (
        SELECT session, groupArray(at) AS times
        FROM clickstream
        WHERE at >= t0 AND at < t1 + INTERVAL 30 MINUTE AND stored_at >= t0 - INTERVAL 10 MINUTE AND bot = 0
          AND type IN ('view_item', 'select_item')
        GROUP BY session
    )
SELECT
    words,
    count() AS searches,
    uniqExact(f.session) AS sessions,
    countIf(f.results = 0) AS without_results,
    if(countIf(f.results >= 0) = 0, 0., round(sumIf(f.results, f.results >= 0) / countIf(f.results >= 0), 1)) AS average_results,
    round(100. * countIf(arrayExists(t -> t >= f.at AND t < f.at + INTERVAL 30 MINUTE, l.times)) / count(), 2) AS clicked
FROM found AS f
LEFT JOIN looks AS l ON l.session = f.session
GROUP BY words
ORDER BY searches DESC, words
LIMIT 500
