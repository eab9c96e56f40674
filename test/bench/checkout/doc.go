// Command checkout measures whole purchases: shoppers who each make a cart, put a thing into it and
// buy it, one purchase after another, through one edge of a three-node cluster with the sandbox
// payment provider, every part a process of its own with its fsyncs on. It says orders a second, how
// long shoppers waited, and how much processor time an order cost over all processes.
//
// It promises that a figure counts only what was finished: the window ends when the last money has
// been captured and written down, the processor time of that work is in the sum, and after each round
// the orders, the stock, the provider's ledger and every replica's invariants must agree, or there is no
// figure. It refuses to compare across runs: a peer, or another build of the same programs, takes turns
// with ours in the same run.
//
// Read round in main.go first, then shopper.
package main
