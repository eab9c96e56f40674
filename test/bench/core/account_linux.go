package main

import "syscall"

// attributes give a child a process group of its own, so that a terminal's Ctrl-C reaches only this
// program, which ends its children in order; and let the kernel end it if this program is killed.
func attributes(as *account) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if as != nil {
		a.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return a
}
