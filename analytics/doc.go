// Package analytics takes the shop's clickstream and its orders into ClickHouse, each exactly once,
// and answers reports from there.
//
// It promises that Record returns only when the events are safe on this machine's disk, that what is
// on disk reaches ClickHouse however long ClickHouse is away and however often a process is killed,
// that a repeated delivery changes nothing that readers see, and that revenue comes from the core's
// outbox and never from browsers. It refuses events that are not well formed, and, when the disk
// space it was given is used up, first impressions, then views, and carts and purchases last.
// Nothing here stands in a shopper's way: ClickHouse may be down, or not configured at all.
//
// Read Analytics and Spool first. DESIGN.md says why it is built like this.
package analytics
