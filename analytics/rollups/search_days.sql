-- What was searched for. A search counts as clicked when its session looks at a product within half an hour.
WITH
    found AS
    (
        SELECT id, at, visit, region, device, results, lowerUTF8(trimBoth(query)) AS words
        FROM events
        WHERE @events AND type IN ('search', 'view_search_results') AND query != ''
        LIMIT 1 BY id
    ),
    looks AS
    (
        SELECT visit, groupArray(at) AS times
        FROM events
        WHERE bot = 0 AND type IN ('view_item', 'select_item') AND toDate(stored_at) IN (@stored)
          AND visit IN (SELECT visit FROM events WHERE @events AND type IN ('search', 'view_search_results') AND query != '')
        GROUP BY visit
    )
SELECT
    toDate(f.at) AS day,
    f.words AS words,
    f.region AS region,
    f.device AS device,
    count() AS searches,
    uniqExact(f.visit) AS sessions,
    countIf(f.results = 0) AS without_results,
    countIf(f.results >= 0) AS counted,
    sumIf(f.results, f.results >= 0) AS results,
    countIf(arrayExists(t -> t >= f.at AND t < f.at + INTERVAL 30 MINUTE, l.times)) AS clicked
FROM found AS f
LEFT JOIN looks AS l ON l.visit = f.visit
GROUP BY day, words, region, device
