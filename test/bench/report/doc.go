// Package report is how benchmarks show what they measured: a table of ratios with the goals they are
// held to, in figures that have as many digits as mean something, and the circumstances.
//
// It promises that a value is the median of the values of each round, never a quotient of medians, and that
// what was not measured is not called good. Read Line first.
package report
