-- The nearest neighbours of each product, out of what was ordered together: rows of (item, neighbour, score), items as hashes.
-- recommend/DESIGN.md has the formula; recseval.BoughtReference computes the same in Go.
WITH
    -- An item has only its newest orders; what else is in one does not count there, and an order of one item says nothing.
    counted AS
    (
        SELECT
            groupArray(item) AS items,
            pow(length(items), -{length:Float64}) * exp(if(any(span) = 0, 0, -any(age) / ({decay:Float64} * any(span)))) AS w
        FROM
        (
            SELECT order_id, at, age, span, arrayJoin(arrayDistinct(arrayMap(i -> cityHash64(toString(i)), item_ids))) AS item
            FROM
            (
                SELECT order_id, at, item_ids, dateDiff('millisecond', at, max(at) OVER ()) AS age, dateDiff('millisecond', min(at) OVER (), max(at) OVER ()) AS span
                FROM sales
                WHERE kind = 'order_placed' AND NOT startsWith(session, {anonymous:String}) AND notEmpty(item_ids) AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
            )
            ORDER BY item, at DESC, order_id
            LIMIT {orders:UInt32} BY item
        )
        GROUP BY order_id
        HAVING length(items) BETWEEN 2 AND {order_items:UInt32}
    ),
    -- How much speaks for two items together, and how many orders; that of an item with itself is all that there is of it.
    pairs AS
    (
        SELECT p.1 AS a, p.2 AS b, sum(w) AS c, count() AS times
        FROM (SELECT w, arrayJoin(arrayFlatten(arrayMap(a -> arrayMap(b -> (a, b), items), items))) AS p FROM counted)
        GROUP BY a, b
    )
SELECT a, b, toFloat32(c / (pow(na + {shrink:Float64}, {alpha:Float64}) * pow(nb + {shrink:Float64}, 1 - {alpha:Float64}))) AS score
FROM (SELECT a, b, c, times, maxIf(c, a = b) OVER (PARTITION BY a) AS na, maxIf(c, a = b) OVER (PARTITION BY b) AS nb FROM pairs)
WHERE a != b AND times >= {together:UInt32} AND score > 0
ORDER BY a, score DESC, b
LIMIT {neighbours:UInt32} BY a
