package backup_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"meridian/backup"
	"meridian/internal/objects"
	"meridian/internal/objects/s3test"
)

// node is a source without a cluster: its state is the list of what was appended.
type node struct {
	mu       sync.Mutex
	timeline uint32
	history  string
	entries  []backup.Entry
	first    uint64 // the log holds entries from here on
	applied  []time.Time
}

func (n *node) append(k int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range k {
		i := uint64(len(n.entries) + 1)
		data := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli()))
		n.entries = append(n.entries, backup.Entry{Index: i, Term: 1, Data: append(data, fmt.Sprintf("entry %d of %s", i, n.history)...)})
		n.applied = append(n.applied, time.Now())
	}
}

func (n *node) Position() backup.Position {
	n.mu.Lock()
	defer n.mu.Unlock()
	return backup.Position{Timeline: n.timeline, Index: uint64(len(n.entries)), History: n.history}
}

func (n *node) Entries(after, to uint64, maxBytes int) (out []backup.Entry, reached uint64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if after+1 < n.first {
		return nil, after, backup.ErrGone
	}
	for reached = after; reached < to && maxBytes > 0; reached++ {
		e := n.entries[reached]
		maxBytes -= len(e.Data)
		if reached%7 != 6 { // some indexes have no entry, as the no-ops of a log
			out = append(out, e)
		}
	}
	return out, reached, nil
}

func (n *node) TimeOf(data []byte) (int64, error) { return int64(binary.BigEndian.Uint64(data)), nil }

func (n *node) Snapshot() (backup.Snapshot, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return view{uint64(len(n.entries))}, nil
}

type view struct{ index uint64 }

func (v view) About() (index, term, hash uint64, timeMS int64) {
	return v.index, 1, v.index * 31, time.Now().UnixMilli()
}
func (v view) WriteTo(w io.Writer) (int64, error) {
	n, err := fmt.Fprintf(w, "the state at %d", v.index)
	return int64(n), err
}
func (v view) Release() {}

func store(t testing.TB, srv *s3test.Server) *objects.Store {
	t.Helper()
	s, err := objects.New(objects.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "backups", Timeout: time.Second, Rest: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s in vain for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
