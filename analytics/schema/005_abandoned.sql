-- What a restore of the core has left behind: entries of this timeline after this one never were. A
-- timeline is abandoned once; of several words the earliest entry counts.
CREATE TABLE IF NOT EXISTS abandoned
(
    timeline  UInt32,
    after_seq SimpleAggregateFunction(min, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY timeline
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE VIEW sales AS SELECT * FROM orders FINAL
WHERE NOT arrayExists(gone -> gone.1 = timeline AND seq > gone.2, (SELECT groupArray((timeline, after_seq)) FROM abandoned FINAL));
