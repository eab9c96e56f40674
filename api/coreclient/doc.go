// Package coreclient calls the core from an edge, over HTTP with JSON.
//
// It promises: a write is repeated only under its idempotency key, so that however often it is sent
// it happens once; a write whose fate is not known is called outcome_unknown and never a failure; a
// read answered with a least index comes from state that covers it; every call ends by its deadline.
// It refuses to guess a leader for longer than the deadline (no_leader) and to queue without bound
// (overloaded).
//
// Read Config and Do first. Client.Follow reads the change feed.
package coreclient
