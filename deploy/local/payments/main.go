// Command payments is the sandbox payment provider as a process of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"meridian/deploy/local/payments/sandbox"
	"meridian/internal/flagenv"
)

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "payments:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(args []string) error {
	fs := flag.NewFlagSet("payments", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:8150", "`address` to listen on; keep it on loopback, there is no sign-in")
	data := fs.String("data", "payments-data", "`directory` of the ledger")
	slow := fs.Duration("slow", 2*time.Second, "how long tok_slow takes")
	if err := flagenv.Parse(fs, "PAYMENTS", args); err != nil {
		return err
	}
	if *data == "" {
		return flagenv.Errorf("data", "give a directory for the ledger")
	}
	if *slow <= 0 {
		return flagenv.Errorf("slow", "give a duration above zero, such as 2s")
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return flagenv.Errorf("addr", "cannot listen on %s (%v); give a free host:port", *addr, err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("process", "payments")
	srv, err := sandbox.New(sandbox.Config{Dir: *data, Slow: *slow, Logger: log})
	if err != nil {
		ln.Close()
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	log.Info("serving", "addr", ln.Addr().String())
	select {
	case <-ctx.Done():
		return srv.Close()
	case err := <-served:
		return errors.Join(err, srv.Close())
	case <-srv.Failed():
		return errors.Join(sandbox.ErrLedger, srv.Close())
	}
}
