package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"

	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/mail"
	"meridian/core/payments"
	"meridian/internal/flagenv"
	"meridian/internal/memory"
	"meridian/replication"
)

// readersAtStart is how many pages of the state are asked for at once at a start.
const readersAtStart = 8

// serve runs a node until it is told to stop.
func serve(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	memory.Bound()
	logger := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("node", o.id)
	identity, err := o.secure(logger)
	if err != nil {
		return err
	}
	ring, err := o.openKeyring()
	if err != nil {
		return err
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
	backups, err := o.backup.config(logger)
	if err != nil {
		return err
	}
	// The state is read by page faults, and a fault holds a processor until the disk has answered.
	processors := runtime.GOMAXPROCS(max(readersAtStart, runtime.GOMAXPROCS(0)))
	n, err := node.Open(node.Config{
		ID: o.id, Region: o.region, Data: o.data, APIAddr: o.apiAddr, RaftAddr: o.raftAddr, RaftAdvertise: o.raftAdvertise, OpsAddr: o.opsAddr, Peers: o.peers, APIs: o.apis, Join: o.join, Token: o.token,
		Keyring: ring, Staff: o.staff, Payments: provider, Mailer: mailer, ShopURL: o.shopURL, RTT: o.rtt, Heartbeat: o.heartbeat, Election: o.election, TLS: identity,
		SnapshotThreshold: o.snapshotThreshold, SnapshotTrailing: o.snapshotTrailing, SnapshotInterval: o.snapshotInterval, RaftLog: replication.LogKind(o.raftLog), Checkpoint: o.checkpoint, DirtyMax: int64(o.dirtyMax), Backup: backups, Logger: logger,
	})
	runtime.GOMAXPROCS(processors)
	if err != nil {
		return err
	}
	if identity != nil {
		defer identity.KeepFresh(o.tls.RenewAt)()
	}
	err = n.Serve(ctx)
	logger.Info("stopping")
	return errors.Join(err, n.Close())
}
