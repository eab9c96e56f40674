-- Whose rows are being erased, while they are: hashes of identifiers, a partition for each run of an edge, which is dropped with its end. The table itself must
-- stay: a mutation that a restart interrupted goes on, and asks it.
CREATE TABLE IF NOT EXISTS erasing
(
    run  UInt64,
    hash FixedString(32)
)
ENGINE = MergeTree PARTITION BY run ORDER BY hash
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Which of the core's erasures were carried out, and when last. Number 0 of timeline 0 says until when late rows were looked for.
CREATE TABLE IF NOT EXISTS erased
(
    timeline UInt32,
    seq      UInt64,
    done_at  DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(done_at)
ORDER BY (timeline, seq)
TTL toDateTime(done_at) + INTERVAL 40 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Days of which something was erased: their counts made until then hold no more, and purged_at says when these were last taken off the disk.
CREATE TABLE IF NOT EXISTS recounts
(
    day       Date,
    until     SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    purged_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY day
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
