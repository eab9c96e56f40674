//go:build !linux

package main

import "syscall"

// detach gives a child a process group of its own, so that a terminal's Ctrl-C reaches only this
// tool, which stops its children in order.
func detach() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
