// Command core (test/bench/core, run by `make bench-core`) measures the core against what a shop would
// otherwise keep its stock in.
//
// It promises that every system is a real one, durable before it answers, exactly once, and driven by a
// client as light as the others'; that each runs alone on the machine, all of them within each round, in
// an order that moves on from round to round; and that after each run the stock of every SKU has gone down
// by exactly the number of acknowledged commands. It says nothing about absolute speed on another machine:
// compare ratios of one run. Read rows.go for what is measured, and measure.go for how.
package main
