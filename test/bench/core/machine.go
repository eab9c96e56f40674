package main

import (
	proc "meridian/test/bench/process"
	"meridian/test/bench/report"
)

// circumstances are what a figure means nothing without.
func circumstances(b *bench, command string) string {
	a := report.NewAbout(command)
	a.Item("disk", "%s, the same for all", report.Filesystem(b.dir))
	for _, t := range needed(b.opts.chosen, targets()) {
		switch t.key {
		case tPostgres:
			if path, err := postgresProgram("postgres"); err == nil {
				a.Item("PostgreSQL", "%s; fsync on, synchronous_commit on, shared_buffers 512MB, max_wal_size 4GB", proc.FirstLine(path, "--version"))
			}
		case tRedis:
			if path, err := proc.Find("redis-server", redisHint); err == nil {
				a.Item("Redis", "%s; appendonly yes, appendfsync always", proc.FirstLine(path, "--version"))
			}
		}
	}
	a.Item("seed", "%d", b.seed)
	if len(b.opts.chosen) > 0 {
		a.Item("rounds", "%d, %v measured after %v of warming up", b.opts.rounds, b.opts.measured, b.opts.warm)
	}
	return a.String()
}
