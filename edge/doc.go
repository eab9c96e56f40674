// Package edge is the shop's face: an HTTP server near the shopper with a cache of finished answers
// that the write itself invalidates.
//
// It promises: a handler sees requests in canonical form only; a cached answer is the same for
// everyone in a region and is never served as fresh after a change of it was applied here; a client
// reads its own writes; every answer carries the headers of the contract; every queue, body, wait and
// cache has a bound. It refuses, before routing, everything two servers could read in two ways.
//
// It decides nothing about stock or money: the core does. Package core is never imported here.
//
// Read Request, Answer and Route (handler.go) and Server (server.go) first. DESIGN.md has the reasons.
package edge
