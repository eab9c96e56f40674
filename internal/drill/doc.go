// Package drill loses whole shops on purpose and restores them from their backups: real cores, a real
// S3 server, an edge and the payment sandbox, killed with SIGKILL at a random moment under load, with
// every data directory thrown away.
//
// It promises that a seed draws the same times, modes and actions, and that whatever an answered client
// was told is looked for afterwards: the loss window of every life is measured, not assumed. It refuses
// to restore by any other way than the commands an operator has. Read Config and life.go first.
package drill
