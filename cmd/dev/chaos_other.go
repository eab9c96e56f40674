//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

// runChaos is for Linux: it needs network namespaces, strace and mounts.
func runChaos(context.Context, []string, io.Writer) error {
	return errors.New("chaos runs on Linux only: it needs network namespaces, strace and mounts; use a Linux machine or container as root")
}
