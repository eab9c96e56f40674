// Package state keeps the replicated state: tables in memory over one bbolt file. Log entries apply
// to memory; a checkpoint writes the final values of what changed in one fsynced transaction.
// Read DB and Table first.
//
// It promises: the file always holds the state as it was after some entry, never part of one; a
// reader sees all of an entry or none of it, also while a checkpoint commits; the running hash says
// whether two replicas hold the same rows; a snapshot is taken cheaply and streamed while entries
// go on; a broken snapshot leaves the old state whole.
//
// It refuses: to go on after a storage error (Options.Fail ends the process, a failed fsync is never
// tried again), to open a file with tables it does not know, and to grow past
// Options.InitialMmapSize. It knows neither Raft nor commerce.
package state
