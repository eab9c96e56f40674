package main

import "syscall"

// detach gives a child a process group of its own, so that a terminal's Ctrl-C reaches only this
// tool, which stops its children in order; and lets the kernel end the child if this tool is killed.
func detach() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
