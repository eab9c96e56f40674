SELECT
    words,
    sum(searches) AS searches,
    sum(sessions) AS sessions,
    sum(without_results) AS without_results,
    if(sum(counted) = 0, 0., round(sum(results) / sum(counted), 1)) AS average_results,
    round(100. * sum(clicked) / searches, 2) AS clicked
FROM @search_days
WHERE @where
GROUP BY words
ORDER BY searches DESC, words
LIMIT 500
