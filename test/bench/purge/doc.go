// Command purge measures how soon a change is on every edge, and how many tags can be purged a second. It runs three cores and three edges, one in
// each region, near to each other and 80 ms apart.
//
// It says the time from the answer of a write (which comes after its commit) until the page on each edge shows it, a page that was in the cache, and
// how many tags a second are purged by calls that answer when every edge has applied them. Read visible first.
package main
