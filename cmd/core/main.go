// Command core is a node of the core cluster: it replicates the shop's state and decides.
//
//	core serve     run a node
//	core check     read a stopped node's state, or a backup, and verify every invariant
//	core backup    list the backups, take one now
//	core restore   make the data directory of a first node out of a backup
//	core import    import a product CSV through a running shop
//	core members   list and change the members of a running cluster
//	core ca        make the certificates with which nodes know each other
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

const usage = `Usage: core <command> [flags]

  serve     run a node of the core cluster
  check     read a stopped node's state, or a backup, and verify every invariant
  backup    list the backups, take one now, show what did not fit after a restore
  restore   make the data directory of a first node out of a backup
  import    import a product CSV through a running shop
  members   list and change the members of a running cluster
  ca        make the certificates with which nodes know each other

core <command> --help lists the flags.
`

// garbage is a second or two of it under load, in bytes.
const garbage = 128 << 20

func main() {
	memory.Garbage(garbage, 1)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "core:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Print(usage)
		return &flagenv.UsageError{Setting: "command", Want: "give one of serve, check, backup, restore, import, members, ca"}
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:])
	case "check":
		return check(ctx, args[1:])
	case "backup":
		return backups(ctx, args[1:])
	case "restore":
		return restore(ctx, args[1:])
	case "import":
		return importCSV(ctx, args[1:])
	case "members":
		return members(ctx, args[1:])
	case "ca":
		return authority(ctx, args[1:])
	case "help", "--help", "-h":
		fmt.Print(usage)
		return nil
	}
	return &flagenv.UsageError{Setting: "command", Value: args[0], Want: "give one of serve, check, backup, restore, import, members, ca"}
}
