package analytics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

// TestReplicasOnce sends one batch to both replicas. Without deduplication it is there twice.
func TestReplicasOnce(t *testing.T) {
	r := testReplicas(t)
	a, b := r.open(0), r.open(1)
	both := func() (n [2]uint64) {
		t.Helper()
		for i, w := range []*warehouse{a, b} {
			if err := w.catchUp(t.Context(), "events"); err != nil {
				t.Fatal(err)
			}
			n[i] = number(t, w, "SELECT count() FROM events")
		}
		return n
	}
	s := segmentOf(t, newShopper(t).rows(t, 50))
	execOn(t, a, "SYSTEM STOP MERGES events")
	execOn(t, b, "SYSTEM STOP MERGES events")
	for _, w := range []*warehouse{a, b, b, a} {
		if err := w.sendSegment(t.Context(), s, s.Token); err != nil {
			t.Fatal(err)
		}
	}
	if n := both(); n != [2]uint64{50, 50} {
		t.Fatalf("%v rows", n)
	}
	b.insert["deduplicate_insert"] = "disable"
	if err := b.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	if n := both(); n != [2]uint64{100, 100} {
		t.Fatalf("without deduplication %v rows: the control shows nothing", n)
	}
}

// TestReplicasFailOver loses the answer of the first replica, and then the replica: the edge goes on with the other one, and everything is
// there once.
func TestReplicasFailOver(t *testing.T) {
	r := testReplicas(t)
	target := r.host(0)
	var lost atomic.Bool
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Host = target.Host },
		ModifyResponse: func(p *http.Response) error {
			if token := p.Request.URL.Query().Get("insert_deduplication_token"); token != "" && p.StatusCode == http.StatusOK {
				lost.Store(true)
			}
			if lost.Load() {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
	})
	defer front.Close()
	a := openTest(t, r.config(front.URL, r.hosts[1]))
	const segments, each = 5, 30
	s := newShopper(t)
	for range segments {
		if err := a.spool.Append(t.Context(), s.rows(t, each)); err != nil {
			t.Fatal(err)
		}
	}
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s1", "mug", 2, 2500), order(2, time.Now(), "s2", "jug", 1, 900)}}}}
	eventually(t, "orders are delivered", func() bool { _, err := a.DeliverOutbox(t.Context(), box); return err == nil && len(box.done) == 1 })
	drained(t, a)
	if !lost.Load() {
		t.Fatal("no answer was lost: this test shows nothing")
	}
	for i := range r.hosts {
		w := r.open(i)
		if err := w.catchUp(t.Context(), "events", "orders"); err != nil {
			t.Fatal(err)
		}
		if rows, ids := number(t, w, "SELECT count() FROM events"), number(t, w, "SELECT uniqExact(id) FROM events"); rows != segments*each || ids != rows {
			t.Errorf("host %d: %d rows, %d ids", i, rows, ids)
		}
		if n := number(t, w, "SELECT count() FROM orders"); n != 2 {
			t.Errorf("host %d: %d orders", i, n)
		}
	}
}

// restartEnv names a program that kills the replica with the number of its argument, 0 or 1, without warning, starts it again and waits for it.
const restartEnv = "MERIDIAN_CLICKHOUSE_RESTART"

// TestReplicasUnderKills kills one replica after the other while batches and orders are delivered.
func TestReplicasUnderKills(t *testing.T) {
	r := testReplicas(t)
	restart := os.Getenv(restartEnv)
	if restart == "" {
		t.Skip("needs a way to kill a replica: set " + restartEnv + " to a program")
	}
	a := openTest(t, r.config(r.hosts...))
	eventually(t, "connected", func() bool { return a.Stats().Connected })
	const kills, each = 6, 20
	finished := make(chan struct{})
	s := newShopper(t)
	go func() {
		defer close(finished)
		for i := range kills {
			time.Sleep(time.Duration(100+s.r.IntN(900)) * time.Millisecond) // the moment of the kill
			if out, err := exec.Command(restart, fmt.Sprint(i%2)).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}()
	shop, segments, box := newShopper(t), uint64(0), &sliceList{}
	for going := true; going; segments++ {
		if err := a.spool.Append(t.Context(), shop.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		box.list = append(box.list, api.OutboxSlice{Slice: segments + 1, Timeline: 1, Entries: []api.OutboxEntry{order(segments+1, time.Now(), "s1", "mug", 1, 500)}})
		deliver := func() bool { _, err := a.DeliverOutbox(t.Context(), box); return err == nil }
		for deadline := time.Now().Add(time.Minute); !deliver(); {
			if time.Now().After(deadline) {
				t.Fatal("orders are not delivered")
			}
		}
		for deadline := time.Now().Add(time.Minute); a.Stats().SpoolSegments >= 4; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the backlog does not shrink: %s", a.Stats().LastError)
			}
		}
		select {
		case <-finished:
			going = false
		default:
		}
	}
	drained(t, a)
	st := a.Stats()
	if st.Retries == 0 {
		t.Fatal("no kill hit an insert: the test has shown nothing")
	}
	for i := range r.hosts {
		w := r.open(i)
		if err := w.catchUp(t.Context(), "events", "orders"); err != nil {
			t.Fatal(err)
		}
		if rows, ids := number(t, w, "SELECT count() FROM events"), number(t, w, "SELECT uniqExact(id) FROM events"); rows != segments*each || ids != rows {
			t.Errorf("host %d: %d rows and %d ids of %d", i, rows, ids, segments*each)
		}
		if rows, ids := number(t, w, "SELECT count() FROM orders"), number(t, w, "SELECT uniqExact(id) FROM orders"); rows != segments || ids != rows {
			t.Errorf("host %d: %d orders and %d ids of %d", i, rows, ids, segments)
		}
	}
	t.Logf("%d kills, %d batches, %d retries, %d reinserted", kills, st.DeliveredBatch, st.Retries, st.Reinserted)
}
