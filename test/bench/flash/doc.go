// Command flash sells 1,000 units to ten times as many shoppers as may buy at once: through a waiting room, and, in turns, without one. It runs
// three cores, two edges and the payment sandbox, sends Poisson arrivals to both edges alternately, lets every shopper
// wait as a browser would, and afterwards verifies what was sold against the orders and every replica.
//
// It says how many were oversold, how close admission came to the room's rate, in which order people were let in, how soon those who wait learn that
// nothing is left, what greedy clients were held to, and how long pages took meanwhile. Read round first.
package main
