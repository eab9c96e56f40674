// Command mailbox collects the demo's mails as a process of its own.
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

	"meridian/deploy/local/mailbox/collector"
	"meridian/internal/flagenv"
)

func main() {
	err := run(os.Args[1:])
	if err != nil && !errors.Is(err, flagenv.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mailbox:", err)
	}
	os.Exit(flagenv.ExitCode(err))
}

func run(args []string) error {
	fs := flag.NewFlagSet("mailbox", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:8160", "`address` of the page; keep it on loopback, there is no sign-in")
	smtpAddr := fs.String("smtp-addr", "127.0.0.1:8161", "`address` of SMTP; keep it on loopback, there is no TLS")
	data := fs.String("data", "mailbox-data", "`directory` of the mails")
	keep := fs.Int("keep", 500, "mails kept; older ones are deleted")
	if err := flagenv.Parse(fs, "MAILBOX", args); err != nil {
		return err
	}
	if *data == "" {
		return flagenv.Errorf("data", "give a directory for the mails")
	}
	if *keep < 1 || *keep > 100_000 {
		return flagenv.Errorf("keep", "give 1 to 100000")
	}
	page, err := net.Listen("tcp", *addr)
	if err != nil {
		return flagenv.Errorf("addr", "cannot listen on %s (%v); give a free host:port", *addr, err)
	}
	defer page.Close()
	mail, err := net.Listen("tcp", *smtpAddr)
	if err != nil {
		return flagenv.Errorf("smtp-addr", "cannot listen on %s (%v); give a free host:port", *smtpAddr, err)
	}
	defer mail.Close()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("process", "mailbox")
	srv, err := collector.New(collector.Config{Dir: *data, Keep: *keep, Logger: log})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(mail, page) }()
	log.Info("serving", "addr", page.Addr().String(), "smtp", mail.Addr().String())
	select {
	case <-ctx.Done():
		return srv.Close()
	case err := <-served:
		return errors.Join(err, srv.Close())
	}
}
