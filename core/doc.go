// Package core is the shop: catalogue, stock, carts, orders, customers, and the replicated state
// machine that decides about them.
//
// It promises that stock is never sold twice, that a repeated command has one effect and one answer,
// and that every replica that applied the same log holds the same bytes. It refuses to read a clock,
// a random number or anything outside its own state while applying: time and identity come in the
// command. It knows no Raft; cmd/core joins it with package replication.
//
// Read Machine (the deterministic half) and Service (the half that talks to the world) first.
package core
