//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

// runDrill is for Linux: what it starts must end with it.
func runDrill(context.Context, []string, io.Writer) error {
	return errors.New("the drill runs on Linux only: what it starts must end with it; use a Linux machine or container")
}
