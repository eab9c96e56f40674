-- What the hashes of neighbours.sql and bought.sql stand for.
SELECT DISTINCT cityHash64(item) AS hash, item
FROM
(
    SELECT toString(item_ids[1]) AS item
    FROM clickstream
    WHERE type = 'view_item' AND bot = 0 AND session != '' AND NOT startsWith(session, {anonymous:String}) AND notEmpty(item_ids) AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT toString(arrayJoin(item_ids)) AS item
    FROM sales
    WHERE kind = 'order_placed' AND NOT startsWith(session, {anonymous:String}) AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
)
