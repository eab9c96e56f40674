// Command edge is the shop's face: it serves pages, the JSON API and files near the shopper, out of a
// cache that the cores' change feed keeps true.
//
//	edge serve     run an edge
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"meridian/internal/flagenv"
	"meridian/internal/memory"
)

const usage = `Usage: edge <command> [flags]

  serve     run an edge

edge <command> --help lists the flags.
`

// garbage is a fraction of a second of it under load, in bytes, and garbageShare what comes on top for what is cached. Cached answers hold no
// pointers, so a collection costs little however large the cache is.
const (
	garbage      = 64 << 20
	garbageShare = 0.1
)

func main() {
	memory.Garbage(garbage, garbageShare)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "edge:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Print(usage)
		return &flagenv.UsageError{Setting: "command", Want: "give serve"}
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:])
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	}
	return &flagenv.UsageError{Setting: "command", Value: args[0], Want: "give serve"}
}
