package main

import (
	"context"
	"math"
	"time"

	"meridian/test/bench/report"
)

// target is a system in one configuration.
type target struct {
	key   string
	title string
	peer  bool
	open  func(ctx context.Context, b *bench) (system, error)
}

// The targets. Those of the core differ from the first by one switch each.
const (
	tPostgres = "postgres"
	tRedis    = "redis"
	tCore     = "core"
	tMemory   = "memory"
	tWAL      = "wal"
	tWAN      = "wan"
	tWALFar   = "wal-wan"
)

// memoryOnly puts checkpoints and snapshots off until long after the run, and leaves room for what waits.
var memoryOnly = []string{"--checkpoint", "1h", "--dirty-max", "16GiB", "--snapshot-threshold", "1000000000"}

// roundTrip is the distance between the nodes in the rows about distance.
const roundTrip = 80 * time.Millisecond

func targets() []target {
	core := func(payments bool, extra ...string) func(context.Context, *bench) (system, error) {
		return func(ctx context.Context, b *bench) (system, error) {
			return asSystem(openCores(ctx, b, payments, extra...))
		}
	}
	return []target{
		{tPostgres, "PostgreSQL", true, openPostgres},
		{tRedis, "Redis", true, openRedis},
		{tCore, "core", false, core(true)},
		{tMemory, "core, state in memory only", false, core(false, memoryOnly...)},
		{tWAL, "core, raft-wal", false, core(false, "--raft-log", "wal")},
		{tWAN, "core, 80 ms apart", false, core(true, "--rtt", roundTrip.String())},
		{tWALFar, "core, raft-wal, 80 ms apart", false, core(false, "--raft-log", "wal", "--rtt", roundTrip.String())},
	}
}

// asSystem keeps a nil *cores from becoming a system that is not nil.
func asSystem(c *cores, err error) (system, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// cell is one load on one target. Rows that need the same cell share its runs.
type cell struct {
	target string
	load   load
}

// row is a line of the table.
type row struct {
	group string // what --only names
	title string
	cells []cell
	// value is made of the results of the cells in one round; the row's value is the median of the rounds.
	value func(r []result) float64
	unit  string
	goal  report.Goal
	// figure shows each cell in its own unit; nil: commands a second.
	figure func(result) float64
	of     string // the unit of figure
}

func adjust(target string, hot bool, clients, pipe int) cell {
	return cell{target, load{op: opAdjust, clients: clients, pipe: pipe, hot: hot}}
}

func reading(target string, o op) cell {
	return cell{target, load{op: o, clients: 256, pipe: 1}}
}

func lone(target string, o op, samples int) cell {
	return cell{target, load{op: o, clients: 1, pipe: 1, hot: true, samples: samples}}
}

// rates divides the first cell's commands a second by the second's; p99s the 99th percentiles.
func rates(r []result) float64 { return r[0].rate() / r[1].rate() }
func p99s(r []result) float64  { return r[0].p99() / r[1].p99() }
func rate(r []result) float64  { return r[0].rate() }

// trips is how many round trips the distance added to what the same takes without distance, in tenths:
// the timers that make the distance are late by about a millisecond.
func trips(r []result) float64 {
	return math.Round((r[0].p50()-r[1].p50())/ms(roundTrip)*10) / 10
}

// appends are log appends one after the other: each entry is written by the leader, then by a follower.
func appends(r []result) float64 { return 2 * math.Round(r[0].entries*100) / 100 }

// rows is the table: every row with the goal it is held to.
func rows() []row {
	const one, framed, apart = 256, 64, 256
	return []row{
		{group: "hot", title: "hot SKU, 256 clients, over PostgreSQL", cells: []cell{adjust(tCore, true, one, 1), adjust(tPostgres, true, one, 1)}, value: rates, unit: "×", goal: report.AtLeast(30)},
		{group: "hot", title: "hot SKU, 256 clients, over Redis", cells: []cell{adjust(tCore, true, one, 1), adjust(tRedis, true, one, 1)}, value: rates, unit: "×", goal: report.AtLeast(0.6)},
		{group: "hot", title: "p99, hot SKU, 256 clients, of PostgreSQL's", cells: []cell{adjust(tCore, true, one, 1), adjust(tPostgres, true, one, 1)}, value: p99s, unit: "×", goal: report.AtMost(0.05), figure: result.p99, of: "ms"},
		{group: "hot", title: "p99, hot SKU, 256 clients, of Redis'", cells: []cell{adjust(tCore, true, one, 1), adjust(tRedis, true, one, 1)}, value: p99s, unit: "×", goal: report.Shown(), figure: result.p99, of: "ms"},
		{group: "uniform", title: "10,000 SKUs, 256 clients, over PostgreSQL", cells: []cell{adjust(tCore, false, one, 1), adjust(tPostgres, false, one, 1)}, value: rates, unit: "×", goal: report.AtLeast(3)},
		{group: "uniform", title: "10,000 SKUs, 256 clients, over Redis", cells: []cell{adjust(tCore, false, one, 1), adjust(tRedis, false, one, 1)}, value: rates, unit: "×", goal: report.AtLeast(0.6)},
		{group: "uniform", title: "p99, 10,000 SKUs, 256 clients, of PostgreSQL's", cells: []cell{adjust(tCore, false, one, 1), adjust(tPostgres, false, one, 1)}, value: p99s, unit: "×", goal: report.Shown(), figure: result.p99, of: "ms"},
		{group: "uniform", title: "p99, 10,000 SKUs, 256 clients, of Redis'", cells: []cell{adjust(tCore, false, one, 1), adjust(tRedis, false, one, 1)}, value: p99s, unit: "×", goal: report.Shown(), figure: result.p99, of: "ms"},
		{group: "frames", title: "10,000 SKUs, 64 commands a frame, 64 clients, over Redis with a pipeline of 64", cells: []cell{adjust(tCore, false, framed, 64), adjust(tRedis, false, framed, 64)}, value: rates, unit: "×", goal: report.AtLeast(4)},
		{group: "frames", title: "hot SKU, 64 commands a frame, 64 clients, over Redis with a pipeline of 64", cells: []cell{adjust(tCore, true, framed, 64), adjust(tRedis, true, framed, 64)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "frames", title: "64 commands a frame, hot over uniform", cells: []cell{adjust(tCore, true, framed, 64), adjust(tCore, false, framed, 64)}, value: rates, unit: "×", goal: report.AtLeast(1)},
		{group: "frames", title: "p99 of a frame of 64, 10,000 SKUs, of Redis' pipeline", cells: []cell{adjust(tCore, false, framed, 64), adjust(tRedis, false, framed, 64)}, value: p99s, unit: "×", goal: report.Shown(), figure: result.p99, of: "ms"},
		{group: "read", title: "exact read over unchecked read of the leader's memory, 256 clients", cells: []cell{reading(tCore, opExact), reading(tCore, opMemory)}, value: rates, unit: "×", goal: report.AtLeast(0.95)},
		{group: "persistence", title: "a checkpoint a second over memory only, 10,000 SKUs, 256 clients", cells: []cell{adjust(tCore, false, one, 1), adjust(tMemory, false, one, 1)}, value: rates, unit: "×", goal: report.AtLeast(0.8)},
		{group: "persistence", title: "a checkpoint a second over memory only, 10,000 SKUs, 64 commands a frame", cells: []cell{adjust(tCore, false, framed, 64), adjust(tMemory, false, framed, 64)}, value: rates, unit: "×", goal: report.AtLeast(0.8)},
		{group: "wal", title: "raft-wal over raft-boltdb, hot SKU, 256 clients", cells: []cell{adjust(tWAL, true, one, 1), adjust(tCore, true, one, 1)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "wal", title: "raft-wal over raft-boltdb, 10,000 SKUs, 256 clients", cells: []cell{adjust(tWAL, false, one, 1), adjust(tCore, false, one, 1)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "wal", title: "raft-wal over raft-boltdb, 10,000 SKUs, 64 commands a frame", cells: []cell{adjust(tWAL, false, framed, 64), adjust(tCore, false, framed, 64)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "wal", title: "raft-wal over raft-boltdb, hot SKU, 64 commands a frame", cells: []cell{adjust(tWAL, true, framed, 64), adjust(tCore, true, framed, 64)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "wal", title: "raft-wal over raft-boltdb, 80 ms apart, hot SKU, 64 commands a frame, 256 clients", cells: []cell{adjust(tWALFar, true, apart, 64), adjust(tWAN, true, apart, 64)}, value: rates, unit: "×", goal: report.Shown()},
		{group: "wan", title: "80 ms apart, hot SKU, 64 commands a frame, 256 clients", cells: []cell{adjust(tWAN, true, apart, 64)}, value: rate, unit: "/s", goal: report.AtLeast(100_000)},
		{group: "wan", title: "80 ms apart, 10,000 SKUs, 64 commands a frame, 256 clients", cells: []cell{adjust(tWAN, false, apart, 64)}, value: rate, unit: "/s", goal: report.Shown()},
		{group: "lone", title: "a lone command 80 ms apart: round trips beyond what it takes without distance", cells: []cell{lone(tWAN, opAdjust, 25), lone(tCore, opAdjust, 25)}, value: trips, unit: "trips", goal: report.AtMost(1), figure: result.p50, of: "ms"},
		{group: "lone", title: "a lone checkout 80 ms apart: round trips beyond what it takes without distance", cells: []cell{lone(tWAN, opCheckout, 10), lone(tCore, opCheckout, 10)}, value: trips, unit: "trips", goal: report.AtMost(2), figure: result.p50, of: "ms"},
		{group: "lone", title: "a lone checkout: log appends one after the other", cells: []cell{lone(tWAN, opCheckout, 10)}, value: appends, unit: "appends", goal: report.AtMost(4), figure: result.p50, of: "ms"},
	}
}
