// Command flash sells 1,000 units to ten times as many shoppers as may buy at once: through a waiting room, and, in turns, without one. It runs
// three cores, two edges and the payment sandbox, the first edge on a processor of its own, sends Poisson arrivals to both edges alternately, lets every shopper
// wait as a browser would, and afterwards verifies what was sold against the orders and every replica.
//
// It says how many were oversold, how close admission came to the room's rate, in which order people were let in, how soon those who wait learn that
// nothing is left, what greedy clients were held to, and how long pages took meanwhile:
// beside those before the sale, those with the same crowd and no room, and those while as many requests as the sale made go to another cached page. Read round first.
package main
