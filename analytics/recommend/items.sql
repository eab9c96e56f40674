-- What the hashes of neighbours.sql stand for.
SELECT DISTINCT cityHash64(toString(item_ids[1])) AS hash, toString(item_ids[1]) AS item
FROM clickstream
WHERE type = 'view_item' AND bot = 0 AND session != '' AND notEmpty(item_ids) AND at >= {from:DateTime64(3, 'UTC')} AND at < {to:DateTime64(3, 'UTC')}
