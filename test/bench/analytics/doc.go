// Bench-analytics measures the way of a click: how many events an edge takes a second, how fast ClickHouse gets what has piled up while it was
// away, and how long after its answer a click is in a report. Everything runs on loopback with real processes; see docs/BENCHMARKS.md.
package main
