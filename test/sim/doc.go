// Package sim runs a whole core cluster in simulated time: the real consensus, state machine and service,
// over a network, disks, clocks and a payment provider that fail by a schedule drawn from one seed.
//
// It promises that the schedule of faults and the requests of the clients follow from the seed, that every
// fault it makes is one that machines and networks make, and that a run which breaks a promise of the shop
// says so with its seed and its trace. It does not promise the same order of goroutines twice. Read Options
// and Run first; docs/SIMULATION.md says what is simulated and how honestly.
package sim
