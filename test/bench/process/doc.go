// Package process starts the programs that a benchmark measures, waits until they are ready, ends them,
// and reads how much processor time they have used.
//
// It promises that a program which ends too early is named with the end of its output, and that times
// are the kernel's. It knows nothing of what it starts. Read Process first.
package process
