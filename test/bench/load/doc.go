// Command load finds out how much a shop carries: it lets more and more shoppers a second begin journeys (look around, search, fill a cart, buy, sign
// in) at all edges of three regions, in steps, up to the knee, and writes docs/CAPACITY.md: the capacity, what a journey costs in processor time,
// what is short first, and the arithmetic from there to more machines.
//
// Journeys begin at random times (an open Poisson process): shoppers do not wait for each other, so a queue grows where there are too many. A journey is
// done when each of its answers was the one expected. Read step first.
package main
