-- The nearest neighbours of each product, out of what people looked at in one session: rows of (item, neighbour, score), items as hashes.
-- recommend/DESIGN.md has the formula; recseval.Reference computes the same in Go. Everything is read once. Nothing is learned from
-- anonymous sessions: their people did not agree to it.
WITH
    -- Each session's last views in order.
    visits AS
    (
        SELECT
            session,
            max(at) AS ended,
            arraySlice(arrayMap(v -> v.3, arraySort(groupArray((at, id, cityHash64(toString(item_ids[1])))))), -{session_views:Int32}) AS views
        FROM clickstream
        WHERE type = 'view_item' AND bot = 0 AND session != '' AND NOT startsWith(session, {anonymous:String}) AND notEmpty(item_ids) AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
        GROUP BY session
    ),
    -- An item has only its newest sessions; what else was looked at in one does not count there, and a session of one item says nothing.
    counted AS
    (
        SELECT
            groupArray(item) AS items,
            arrayFilter(v -> has(items, v), any(views)) AS seen,
            pow(length(items), -{length:Float64}) * exp(if(any(span) = 0, 0, -any(age) / ({decay:Float64} * any(span)))) AS w
        FROM
        (
            SELECT session, ended, views, age, span, arrayJoin(arrayDistinct(views)) AS item
            FROM
            (
                SELECT session, ended, views, dateDiff('millisecond', ended, max(ended) OVER ()) AS age, dateDiff('millisecond', min(ended) OVER (), max(ended) OVER ()) AS span
                FROM visits
            )
            ORDER BY item, ended DESC, session
            LIMIT {sessions:UInt32} BY item
        )
        GROUP BY session
        HAVING length(items) BETWEEN 2 AND {session_items:UInt32}
    ),
    -- How much speaks for two items together; that of an item with itself is all that there is of it.
    pairs AS
    (
        SELECT p.1 AS a, p.2 AS b, sum(w * p.3) AS c
        FROM
        (
            SELECT
                w,
                arrayMap(d -> arrayFilter(p -> p.1 != p.2, arrayZip(arraySlice(seen, 1, length(seen) - d), arraySlice(seen, 1 + d))),
                    range(1, least({steps:UInt32} + 1, toUInt32(length(seen))))) AS apart,
                arrayJoin(arrayConcat(
                    arrayFlatten(arrayMap(a -> arrayMap(b -> (a, b, 1.), items), items)),
                    arrayFlatten(arrayMap((two, d) -> arrayMap(p -> (p.1, p.2, {following:Float64} / d), two), apart, arrayEnumerate(apart))),
                    arrayFlatten(arrayMap((two, d) -> arrayMap(p -> (p.2, p.1, {preceding:Float64} / d), two), apart, arrayEnumerate(apart))))) AS p
            FROM counted
        )
        GROUP BY a, b
    )
SELECT a, b, toFloat32(c / (pow(na + {shrink:Float64}, {alpha:Float64}) * pow(nb + {shrink:Float64}, 1 - {alpha:Float64}))) AS score
FROM (SELECT a, b, c, maxIf(c, a = b) OVER (PARTITION BY a) AS na, maxIf(c, a = b) OVER (PARTITION BY b) AS nb FROM pairs)
WHERE a != b AND score > 0
ORDER BY a, score DESC, b
LIMIT {neighbours:UInt32} BY a
