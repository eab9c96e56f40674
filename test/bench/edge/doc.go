// Command edge (test/bench/edge, run by `make bench-edge`) measures a cached product page of our edge
// against bare fasthttp, nginx and Varnish.
//
// It promises that every system sends the very same page, checked byte for byte before each run and by its
// length in each; that a cache answers out of its cache, by its own counters or by the origin's; that each
// has one worker on a processor of its own and nothing else in its turn; and that ratios are those of one
// round. It says nothing about absolute speed on another machine. Read rounds.go first, then systems.go.
package main
