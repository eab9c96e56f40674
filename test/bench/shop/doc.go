// Package shop runs a shop of ours for a benchmark: cores, an edge and the sandbox payment provider, each
// a process of its own with its fsyncs on, and a client for what is prepared and verified.
//
// It promises that what is measured is the programs as they are built, over an empty directory, and that
// all of them end with Stop. It measures nothing itself. Read Start first.
package shop
