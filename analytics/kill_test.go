package analytics

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// TestExactlyOnceUnderKills kills the engine at random moments while batches are being inserted, and
// every write is retried until it is acknowledged.
func TestExactlyOnceUnderKills(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	s := newShopper(t)
	eventually(t, "connected", func() bool { return a.Stats().Connected })

	const kills, each = 8, 20
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for range kills {
			time.Sleep(time.Duration(30+s.r.IntN(300)) * time.Millisecond) // the moment of the kill
			e.kill()
			e.start()
		}
	}()
	shop, segments := newShopper(t), uint64(0)
	for going := true; going; segments++ {
		if err := a.spool.Append(t.Context(), shop.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the backlog is short", func() bool { return a.Stats().SpoolSegments < 4 })
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
	once(t, e, segments*each)
	recounts(t, e)
	t.Logf("%d kills, %d batches, %d retries, %d reinserted", kills, st.DeliveredBatch, st.Retries, st.Reinserted)
}

// TestKilledBetweenWriteAndAcknowledgement puts a proxy before the engine that lets every INSERT
// through once, waits until the engine has answered, kills it and swallows the answer.
func TestKilledBetweenWriteAndAcknowledgement(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	var mu sync.Mutex
	swallowed := map[string]bool{}
	target, err := url.Parse(e.url())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0),
		ModifyResponse: func(r *http.Response) error {
			token := r.Request.URL.Query().Get("insert_deduplication_token")
			mu.Lock()
			defer mu.Unlock()
			if token == "" || r.StatusCode != http.StatusOK || swallowed[token] {
				return nil
			}
			swallowed[token] = true
			e.kill()
			e.start()
			return errors.New("the engine was killed")
		},
	})
	defer proxy.Close()
	a := openTest(t, Config{Addr: proxy.URL})
	s := newShopper(t)
	const segments, each = 5, 30
	for i := range segments {
		if err := a.spool.Append(t.Context(), s.rows(t, each)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "delivered", func() bool { return a.Stats().DeliveredBatch == int64(i+1) })
	}
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s1", "mug", 2, 2500), order(2, time.Now(), "s2", "jug", 1, 900)}}}}
	if _, err := a.DeliverOutbox(t.Context(), box); err == nil || len(box.done) != 0 {
		t.Fatalf("the answer was not swallowed: %v", err)
	}
	if n, err := a.DeliverOutbox(t.Context(), box); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if len(swallowed) != segments+1 {
		t.Errorf("%d answers were swallowed", len(swallowed))
	}
	once(t, e, segments*each)
	recounts(t, e)
	if rows, ids := e.number("SELECT count() FROM orders"), e.number("SELECT uniqExact(id) FROM orders"); rows != 2 || ids != 2 {
		t.Errorf("orders: %d rows, %d ids", rows, ids)
	}
}
