package node

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/replication"
)

// TestBackupPositionIsReadable: what a backup takes for the newest entry can be read out of the log, also while
// entries are being applied. An error would cost the backup a pause, and the shop what is written in it.
func TestBackupPositionIsReadable(t *testing.T) {
	dir := t.TempDir()
	keys, err := seal.OpenKeyring(filepath.Join(dir, "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := payments.New(payments.Config{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	n, err := Open(Config{ID: "core-1", Region: "local", Data: filepath.Join(dir, "data"), APIAddr: "127.0.0.1:0", RaftAddr: "127.0.0.1:0",
		Peers: []replication.Member{{ID: "core-1", Region: "local", Addr: "127.0.0.1:0"}}, Token: "a secret of more than sixteen", Keyring: keys,
		Payments: provider, Heartbeat: 300 * time.Millisecond, MmapSize: 1 << 28, Logger: slog.New(slog.DiscardHandler),
		Exit: func(_ int, reason error) { t.Errorf("the node stopped: %v", reason) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(10 * time.Second); n.Ready() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(n.Ready())
		}
	}
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for k := range 8 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				body, err := json.Marshal(api.EdgeRenew{Edge: fmt.Sprint("edge-", k), Region: "local"})
				if err == nil {
					_, err = n.Service.Serve(t.Context(), api.EdgesRenew.Name, api.Call{Key: fmt.Sprint(k, "-", i)}, body)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	moved, last := 0, uint64(0)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && !t.Failed(); {
		at := source{n}.Position().Index
		if at == last || at == 0 {
			continue
		}
		moved, last = moved+1, at
		if _, reached, err := (source{n}).Entries(at-1, at, 1<<20); err != nil || reached != at {
			t.Errorf("entry %d, the newest: reached %d, %v", at, reached, err)
		}
	}
	close(stop)
	writers.Wait()
	if moved < 20 {
		t.Errorf("the position moved %d times", moved)
	}
}
