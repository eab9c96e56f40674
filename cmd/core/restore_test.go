package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/backup"
	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/internal/flagenv"
	"meridian/internal/objects"
	"meridian/internal/objects/s3test"
	"meridian/replication"

	"log/slog"
)

// alone opens a node of a cluster of one, over real storage, and serves until the returned function stops it.
func alone(t *testing.T, dir, data, ring string, s3 objects.Config) (*node.Node, func()) {
	t.Helper()
	n, done, end := aloneWith(t, data, ring, s3, func(*node.Config) {})
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			end()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return n, stop
}

// aloneWith is alone with other settings, for nodes that stop by themselves: done says with what.
func aloneWith(t *testing.T, data, ring string, s3 objects.Config, change func(*node.Config)) (n *node.Node, done <-chan error, stop func()) {
	t.Helper()
	keys, err := seal.OpenKeyring(ring, true)
	if err != nil {
		t.Fatal(err)
	}
	// Nothing listens there: what asks the provider fails, and is tried again.
	provider, err := payments.New(payments.Config{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	cfg := node.Config{ID: "core-1", Region: "local", Data: data, APIAddr: "127.0.0.1:0", RaftAddr: "127.0.0.1:0",
		Peers: []replication.Member{{ID: "core-1", Region: "local", Addr: "127.0.0.1:0"}}, Token: "a secret of more than sixteen", Keyring: keys,
		Staff: []core.Staff{{Email: "ops@example.com", Role: "operator", Password: "a long password", Token: "a token for the operator"},
			{Email: "merch@example.com", Role: "merchandiser", Password: "a long password", Token: "a token for the merchandiser"}},
		Payments: provider, Heartbeat: 300 * time.Millisecond, MmapSize: 1 << 28, Logger: quiet,
		Backup: &node.BackupConfig{S3: s3, Prefix: "shop/", FlushEvery: 20 * time.Millisecond},
		Exit:   func(_ int, reason error) { t.Errorf("the node stopped: %v", reason) }}
	change(&cfg)
	if n, err = node.Open(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		err := n.Serve(ctx)
		served <- err
		closed <- n.Close()
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return n, served, stop
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// restoredAt is the index at which a new timeline began, in a directory that no node has served yet.
func restoredAt(t *testing.T, data string) uint64 {
	t.Helper()
	m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(data, "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return m.Summary().Index - 1 // the timeline begins with an entry of its own
}

// TestPlanWithAGap: the cores were lost when a full backup was in the bucket and the log up to it was not.
// Moments before the gap can be restored all the same, and the newest is the full backup.
func TestPlanWithAGap(t *testing.T) {
	fulls := []backup.Manifest{{Index: 10, TimeMS: 1000}, {Index: 90, TimeMS: 9000}}
	all := []backup.Timeline{{Number: 4, Fulls: fulls, Spans: []backup.Span{{After: 10, To: 40}, {After: 40, To: 70}}}}
	for _, c := range []struct {
		o               restoreOptions
		base, to, after uint64
		missing         bool
	}{
		{o: restoreOptions{}, base: 90, to: 90},
		{o: restoreOptions{toIndex: 70}, base: 10, to: 70},
		{o: restoreOptions{toIndex: 80}, base: 10, missing: true},
		{o: restoreOptions{moment: time.UnixMilli(5000)}, base: 10, to: 70, after: 90},
		{o: restoreOptions{moment: time.UnixMilli(9000)}, base: 90, to: 90},
	} {
		p, err := choosePlan(all, c.o)
		if errors.Is(err, backup.ErrMissing) != c.missing || (err != nil) != c.missing || !c.missing && (p.base.Index != c.base || p.to != c.to || p.after != c.after || p.next != 5) {
			t.Errorf("%+v: %+v, %v", c.o, p, err)
		}
	}
}

// TestRestoreDrill backs a real node up while it runs, loses its directory, and restores it.
func TestRestoreDrill(t *testing.T) {
	t.Setenv(asCore, "1") // for the process in which core check reads
	srv := s3test.Start(t)
	dir := t.TempDir()
	s3 := objects.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "backups"}
	ring, data := filepath.Join(dir, "ring"), filepath.Join(dir, "data")
	n, stop := alone(t, dir, data, ring, s3)
	soon(t, "a full backup", func() bool { return n.Backup.Status().Complete })
	first := n.Machine.Index()
	soon(t, "a few entries more", func() bool { return n.Machine.Index().Raft > first.Raft+2 })
	middle := n.Machine.Summary()
	soon(t, "time to pass", func() bool { return n.Machine.Summary().NowMS > middle.NowMS })
	history := n.Machine.History()
	at := n.Machine.Index()
	hash, orders := n.Machine.Hash(), n.Machine.Summary().Orders
	if n.Machine.Index() != at {
		at, hash = n.Machine.Index(), n.Machine.Hash()
	}
	soon(t, "the bucket to have it", func() bool { return n.Backup.Status().Shipped >= at.Raft })
	stop()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}

	secretFile := filepath.Join(dir, "s3.secret")
	if err := os.WriteFile(secretFile, []byte(srv.SecretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(more string) error {
		return run(t.Context(), strings.Fields(fmt.Sprintf("restore --s3-endpoint %s --s3-access-key %s --s3-secret-key-file %s --from s3://backups/shop --data %s --raft-addr 127.0.0.1:0 %s",
			srv.Endpoint, srv.AccessKey, secretFile, data, more)))
	}
	s3Flags := fmt.Sprintf(" --s3-endpoint %s --s3-access-key %s --s3-secret-key-file %s", srv.Endpoint, srv.AccessKey, secretFile)
	for _, sound := range []string{"check --backup s3://backups/shop", "backup list --from s3://backups/shop"} {
		if err := run(t.Context(), strings.Fields(sound+s3Flags)); err != nil {
			t.Errorf("%s: %v", sound, err)
		}
	}
	for _, bad := range []string{"check --backup s3://backups/nothing", "check --backup s3://backups/shop --timeline 7", "check --backup s3://backups/shop --scratch " + dir + "/nothing",
		"check --backup nowhere", "backup list --from s3://backups/nothing", "backup sell"} {
		if err := run(t.Context(), strings.Fields(bad+strings.Repeat(s3Flags, strings.Count(bad, "s3:")))); flagenv.ExitCode(err) != flagenv.ExitBadConfig {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"--to-index 999999", "--to-time then", "--timeline 7", "--from nowhere", "--to-index 1"} {
		if err := command(bad); flagenv.ExitCode(err) != flagenv.ExitBadConfig {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := command("--dry-run --to-index " + fmt.Sprint(first.Raft)); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".restore-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a dry run made %s: %v", data, err)
	}
	earlier := filepath.Join(dir, "earlier")
	if err := command("--data " + earlier + " --to-time " + time.UnixMilli(middle.NowMS).UTC().Format(time.RFC3339Nano)); err != nil {
		t.Fatal(err)
	}
	if got := restoredAt(t, earlier); got < middle.Index || got >= at.Raft {
		t.Errorf("restored to index %d; index %d was the last of that time, and %d later", got, middle.Index, at.Raft)
	}
	if err := command("--to-index " + fmt.Sprint(at.Raft)); err != nil {
		t.Fatal(err)
	}
	if err := command(""); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over a state: %v", err)
	}
	if err := run(t.Context(), []string{"check", "--data", data}); err != nil {
		t.Fatal(err)
	}
	n, _ = alone(t, dir, data, ring, s3)
	soon(t, "the restored node to lead", func() bool { return n.Raft.Status().Ready })
	if got := n.Machine.Index(); got.Timeline != 2 || got.Raft <= at.Raft {
		t.Errorf("restored at %v, it stood at %v", got, at)
	}
	if n.Machine.History() == history || n.Machine.Summary().Orders != orders {
		t.Errorf("history %s, %d orders, hash was %016x", n.Machine.History(), n.Machine.Summary().Orders, hash)
	}
	soon(t, "a backup of the new timeline", func() bool { return n.Backup.Status().Complete })
	all, err := n.Backup.Bucket().Timelines(t.Context())
	if err != nil || len(all) != 2 || len(all[0].Fulls) == 0 || len(all[1].Fulls) == 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	store, err := objects.New(s3)
	if err != nil {
		t.Fatal(err)
	}
	full := all[0].Fulls[len(all[0].Fulls)-1]
	o, err := store.Get(t.Context(), full.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(o.Body)
	flipped[len(flipped)/2] ^= 1
	verdict := func() error {
		return run(t.Context(), strings.Fields("check --backup s3://backups/shop --timeline 1"+s3Flags))
	}
	if err := store.Put(t.Context(), full.Snapshot, "application/octet-stream", flipped); err != nil {
		t.Fatal(err)
	}
	if err := verdict(); err == nil || !strings.Contains(err.Error(), "core backup take") {
		t.Errorf("a backup with a flipped bit: %v", err)
	}
	if err := store.Remove(t.Context(), full.Snapshot); err != nil {
		t.Fatal(err)
	}
	if err := verdict(); !errors.Is(err, backup.ErrMissing) {
		t.Errorf("a backup without its snapshot: %v", err)
	}
	if err := store.Put(t.Context(), full.Snapshot, "application/octet-stream", o.Body); err != nil {
		t.Fatal(err)
	}
	if err := verdict(); err != nil {
		t.Errorf("the backup as it was: %v", err)
	}
}
