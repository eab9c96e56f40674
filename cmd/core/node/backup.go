package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/api"
	"meridian/backup"
	"meridian/core"
	"meridian/internal/objects"
	"meridian/replication"
)

// BackupConfig says where backups go. See backup.Config for the defaults.
type BackupConfig struct {
	S3         objects.Config
	Prefix     string
	FlushEvery time.Duration
	FullEvery  time.Duration
	Keep       int
	// Quiet is how long the first node after a restore watches for another shop.
	Quiet time.Duration
}

// open makes the shipper of a node. Nothing connects before the node leads.
func (c BackupConfig) open(n *Node, log *slog.Logger) (*backup.Shipper, error) {
	cfg := c.S3
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second // a segment may have several MiB
	}
	store, err := objects.New(cfg)
	if err != nil {
		return nil, err
	}
	return backup.New(backup.Config{Store: store, Prefix: c.Prefix, Source: source{n}, FlushEvery: c.FlushEvery, FullEvery: c.FullEvery, Keep: c.Keep, Quiet: c.Quiet, Logger: log})
}

// source fits a node to package backup.
type source struct{ node *Node }

var _ backup.Source = source{}

// Position implements backup.Source. The log gives an entry out a moment after the machine has applied it.
func (s source) Position() backup.Position {
	at := s.node.Machine.Index()
	return backup.Position{Timeline: at.Timeline, Index: min(at.Raft, s.node.Raft.Applied()), History: s.node.Machine.History()}
}

// Entries implements backup.Source.
func (s source) Entries(after, to uint64, maxBytes int) ([]backup.Entry, uint64, error) {
	raw, reached, err := s.node.Raft.Committed(after, to, maxBytes)
	if errors.Is(err, replication.ErrCompacted) {
		err = errors.Join(backup.ErrGone, err)
	}
	out := make([]backup.Entry, len(raw))
	for i, e := range raw {
		out[i] = backup.Entry(e)
	}
	return out, reached, err
}

// TimeOf implements backup.Source.
func (s source) TimeOf(data []byte) (int64, error) {
	header, _, err := replication.Decode(data)
	if err != nil {
		return 0, err
	}
	return core.EntryTime(header)
}

// Snapshot implements backup.Source.
func (s source) Snapshot() (backup.Snapshot, error) { return s.node.Machine.Backup() }

// lead sends backups while this node leads.
func (n *Node) leadBackup(ctx context.Context) {
	for ctx.Err() == nil {
		err := n.Service.EnsureHistory(ctx)
		if err == nil {
			n.Backup.Run(ctx)
			return
		}
		n.log.Warn("backup: name the history; it will be tried again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// backups fits a shipper to the shop.
type backups struct{ node *Node }

var _ core.Backups = backups{}

// Take implements core.Backups.
func (b backups) Take() { b.node.Backup.Take() }

// List implements core.Backups.
func (b backups) List(ctx context.Context) (api.Backups, error) {
	all, err := b.node.Backup.Bucket().Timelines(ctx)
	if err != nil {
		return api.Backups{}, err
	}
	s := b.node.Backup.Status()
	at := b.node.Machine.Index()
	v := api.Backups{Index: at, Complete: s.Complete, LagMS: s.Lag.Milliseconds(), LagMaxMS: s.LagMax.Milliseconds(), Shipped: api.Index{Timeline: at.Timeline, Raft: s.Shipped},
		Running: s.FullRunning, Failures: s.Failures, Backups: []api.Backup{}, Ranges: []api.BackupRange{}}
	if s.Err != nil {
		v.Problem, v.Foreign = s.Err.Error(), errors.Is(s.Err, backup.ErrForeign)
	}
	for i := len(all) - 1; i >= 0; i-- {
		t := all[i]
		for k := len(t.Fulls) - 1; k >= 0; k-- {
			m := t.Fulls[k]
			v.Backups = append(v.Backups, api.Backup{Index: api.Index{Timeline: t.Number, Raft: m.Index}, At: rfc(m.TimeMS), Bytes: m.Bytes, Hash: m.Hash})
		}
		for _, r := range t.Ranges() {
			from, to := b.node.Backup.Bucket().When(ctx, t, r)
			v.Ranges = append(v.Ranges, api.BackupRange{From: api.Index{Timeline: t.Number, Raft: r.From}, To: api.Index{Timeline: t.Number, Raft: r.To}, FromAt: moment(from), ToAt: moment(to)})
		}
	}
	return v, nil
}

// Alone implements core.Backups. When there is another shop, this node stops.
func (b backups) Alone(ctx context.Context) error {
	err := b.node.Backup.Alone(ctx)
	if errors.Is(err, backup.ErrForeign) {
		b.node.stop(fmt.Errorf("%w: nothing was sold and no charge was touched. To rehearse a restore, give a sandbox's --payments-url and no --backup: %w", core.ErrAnotherShop, err))
		return fmt.Errorf("%w: %w", core.ErrAnotherShop, err)
	}
	return err
}

// stop has Serve return an error; the first one counts.
func (n *Node) stop(err error) {
	select {
	case n.stopping <- err:
	default:
	}
}

func rfc(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// moment is an end of a range, empty when its time is not known.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// backupCollectors show the backup to Prometheus: -1 where this node has nothing to say.
func backupCollectors(s *backup.Shipper) []prometheus.Collector {
	gauge := func(name, help string, fn func(backup.Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_backup_" + name, Help: help}, func() float64 {
			if v := s.Status(); v.Running {
				return fn(v)
			}
			return -1
		})
	}
	return []prometheus.Collector{
		gauge("lag_seconds", "Age of the oldest write that is not in the bucket, on the leader.", func(v backup.Status) float64 { return v.Lag.Seconds() }),
		gauge("lag_max_seconds", "The largest lag since this node leads.", func(v backup.Status) float64 { return v.LagMax.Seconds() }),
		gauge("shipped_index", "Raft index up to which the bucket has the log.", func(v backup.Status) float64 { return float64(v.Shipped) }),
		gauge("complete", "1 if a full backup and all of the log since are in the bucket.", func(v backup.Status) float64 {
			if v.Complete {
				return 1
			}
			return 0
		}),
		gauge("full_age_seconds", "Time since the last full backup; -1 if there is none.", func(v backup.Status) float64 {
			if v.LastFullAt.IsZero() {
				return -1
			}
			return time.Since(v.LastFullAt).Seconds()
		}),
		gauge("failures", "What went wrong since this node started.", func(v backup.Status) float64 { return float64(v.Failures) }),
	}
}

// sideBySide runs fns and waits for all of them.
func sideBySide(fns ...func()) {
	var wg sync.WaitGroup
	for _, fn := range fns {
		wg.Go(fn)
	}
	wg.Wait()
}
