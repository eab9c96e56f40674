// Command dev is the project's one development tool: it runs the demo, fills it, loads it, and
// proves on it that nothing is oversold.
//
//	dev up        start three regions on this machine and stay; Ctrl-C stops all of it
//	dev seed      put the demo's catalogue, account and orders into a running demo
//	dev load      browse a running demo lightly, as shoppers do
//	dev oversell  let 400 buyers race for 100 units and compare every ledger
//	dev chaos     break real cores in every way this machine allows, and judge what their clients were told
//	dev drill     lose whole shops and restore them from their backups
//	dev recs-eval measure recommendations on recorded sessions
//	dev openapi   write the OpenAPI description
//	dev fetch     get the S3 server and the ClickHouse engine into the user's cache
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"meridian/internal/flagenv"
)

const usage = `Usage: dev <command> [flags]

  up        start the demo: three regions on this machine; Ctrl-C stops all of it
  seed      put the demo's catalogue, account and orders into a running demo
  load      browse a running demo lightly, as shoppers do
  oversell  let 400 buyers race for 100 units, and compare every ledger
  chaos     break real cores, and judge what their clients were told
  drill     lose whole shops, and restore them from their backups
  recs-eval measure recommendations on recorded sessions
  openapi   write the OpenAPI description
  fetch     get the S3 server and the ClickHouse engine into the user's cache

dev <command> --help lists the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dev:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(out, usage)
		return &flagenv.UsageError{Setting: "command", Want: "give one of up, seed, load, oversell, chaos, drill, recs-eval, openapi, fetch"}
	}
	name, rest := args[0], args[1:]
	switch name {
	case "up":
		return up(ctx, rest, out)
	case "seed":
		return seed(ctx, rest, out)
	case "load":
		return load(ctx, rest, out)
	case "oversell":
		return oversell(ctx, rest, out)
	case "chaos":
		return runChaos(ctx, rest, out)
	case "drill":
		return runDrill(ctx, rest, out)
	case "recs-eval":
		return recsEval(ctx, rest, out)
	case "openapi":
		return openapi(rest, out)
	case "fetch":
		return fetchAll(ctx, rest, out)
	case "help", "--help", "-h":
		fmt.Fprint(out, usage)
		return nil
	}
	return &flagenv.UsageError{Setting: "command", Value: name, Want: "give one of up, seed, load, oversell, chaos, drill, recs-eval, openapi, fetch"}
}
