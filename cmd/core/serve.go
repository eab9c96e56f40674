package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"meridian/core"
	"meridian/core/mail"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/internal/flagenv"
	"meridian/replication"
)

// serve runs a node: the state first, then what needs it, and it is closed in reverse. The listeners
// close before the log, so that nothing new is accepted that could not be decided; the log closes
// before the state, so that nothing is applied to a closed file.
func serve(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("node", o.id)
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return flagenv.Errorf("data", "cannot be used: %v", err)
	}
	ring, err := seal.OpenKeyring(o.keyring, true)
	if err != nil {
		return flagenv.Errorf("keyring", "%v", err)
	}
	provider, err := payments.New(payments.Config{URL: o.paymentsURL, Logger: logger})
	if err != nil {
		return flagenv.Errorf("payments-url", "%v", err)
	}
	defer provider.Close()
	var mailer core.Mailer
	if o.smtpAddr != "" {
		if mailer, err = mail.New(mail.Config{Addr: o.smtpAddr, From: o.from, Logger: logger}); err != nil {
			return flagenv.Errorf("smtp-addr", "%v", err)
		}
	}

	fail := func(err error) {
		logger.Error("stopping: the state can no longer be trusted or written", "error", err)
		os.Exit(flagenv.ExitFailed)
	}
	m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(o.data, "state.db"), Fail: fail, Logger: logger})
	if err != nil {
		return err
	}
	var lead func(context.Context) // set before joined is closed
	joined := make(chan struct{})
	node, err := replication.Open(replication.Config{
		ID: o.id, Region: o.region, Dir: o.data, BindAddr: o.raftAddr, Bootstrap: o.peers, Token: o.token, RTT: o.rtt,
		HeartbeatTimeout: o.heartbeat, ElectionTimeout: o.heartbeat, LeaderLease: o.heartbeat * 2 / 3,
		SnapshotThreshold: uint64(o.snapshotThreshold), SnapshotInterval: 20 * time.Second, Logger: logger,
		Lead: func(ctx context.Context) {
			select {
			case <-joined:
				lead(ctx)
			case <-ctx.Done():
			}
		},
	}, machine{m})
	if err != nil {
		return errors.Join(fmt.Errorf("join the cluster: %w", err), m.Close())
	}
	service, err := core.NewService(core.ServiceConfig{
		ID: o.id, Region: o.region, Machine: m, Log: log{node}, Members: membership{node}, Keyring: ring,
		Payments: provider, Mailer: mailer, ShopURL: o.shopURL, Logger: logger,
	})
	if err != nil {
		return errors.Join(err, node.Close(), m.Close())
	}
	lead = func(ctx context.Context) {
		if err := service.EnsureStaff(ctx, o.staff); err != nil && ctx.Err() == nil {
			logger.Error("create staff", "error", err)
		}
		service.Lead(ctx)
	}
	close(joined)

	server := core.NewServer(service, o.token, logger)
	if err := server.Listen(o.apiAddr); err != nil {
		return errors.Join(flagenv.Errorf("api-addr", "%v", err), node.Close(), m.Close())
	}
	ops := &http.Server{Handler: service.Operations(readiness(node), collectors(node)...), ReadHeaderTimeout: 5 * time.Second}
	opsLn, err := net.Listen("tcp", o.opsAddr)
	if err != nil {
		return errors.Join(flagenv.Errorf("ops-addr", "%v", err), node.Close(), m.Close())
	}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve() }()
	go func() { failed <- ops.Serve(opsLn) }()
	logger.Info("serving", "api", server.Addr(), "raft", o.raftAddr, "operations", o.opsAddr, "index", m.Index().String())

	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	logger.Info("stopping")
	return errors.Join(err, server.Close(), closeService(service), node.Close(), m.Close(), ops.Close())
}

func closeService(s *core.Service) error { s.Close(); return nil }

// readiness says that a leader is known and that this node follows it.
func readiness(node *replication.Node) func() error {
	return func() error {
		s := node.Status()
		switch {
		case s.Leader == "":
			return errors.New("no leader is known yet")
		case s.Leader == s.ID && !s.Ready:
			return errors.New("this node leads, but is not ready to decide yet")
		}
		return nil
	}
}
