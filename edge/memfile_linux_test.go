package edge

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"meridian/api"
)

// serveChanging is a server with a page of some bytes that are other ones after change. It has been asked for so often that it is sent out of
// a file.
func serveChanging(t *testing.T, size int, tune func(*Config)) (s *Server, body func() []byte, change func()) {
	t.Helper()
	bytesOf := func(n uint64) []byte {
		out := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(out)
		return out
	}
	type version struct {
		index api.Index
		body  []byte
	}
	var now atomic.Pointer[version]
	now.Store(&version{at(100), bytesOf(0)})
	routes := []Route{{Method: "GET", Pattern: "/large", Handler: func(context.Context, *Request) (*Answer, error) {
		return &Answer{ContentType: "application/octet-stream", Body: now.Load().body, Index: now.Load().index, Tags: []string{api.TagCatalogue}}, nil
	}}}
	s = startServer(t, routes, func(c *Config) {
		c.LogSample = 1 << 40
		if tune != nil {
			tune(c)
		}
	})
	return s, func() []byte { return now.Load().body }, func() {
		next := at(now.Load().index.Raft + 1)
		now.Store(&version{next, bytesOf(next.Raft)})
		s.epochs.apply(api.FeedBatch{Next: next, Entries: []api.FeedEntry{{Index: next, Tags: []string{api.TagCatalogue}}}}, time.Now())
	}
}

// hot asks for the large page until it is in a file.
func hot(t *testing.T, s *Server, want []byte) {
	t.Helper()
	b := newKept(t, s)
	defer b.conn.Close()
	for range memfileHits + 2 {
		if got := b.large(t); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes that are not the page's %d", len(got), len(want))
		}
	}
}

func (b *kept) large(t *testing.T) []byte {
	t.Helper()
	if _, err := io.WriteString(b.conn, largePage); err != nil {
		t.Fatal(err)
	}
	return b.rest(t)
}

func (b *kept) rest(t *testing.T) []byte {
	t.Helper()
	resp, err := http.ReadResponse(b.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, resp.ContentLength)
	if n, err := io.ReadFull(resp.Body, got); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	return got
}

// TestHotPagesAreSentOutOfFiles: a page that is asked for often gets a file, arrives whole, and the file goes with the page.
func TestHotPagesAreSentOutOfFiles(t *testing.T) {
	s, body, change := serveChanging(t, 100_000, nil)
	hot(t, s, body())
	if got := s.memfiles.bytes.Load(); got != 100_000 {
		t.Fatalf("%d bytes are in files", got)
	}
	change()
	hot(t, s, body())
	eventually(t, "the file of a page that nobody has any more is closed", func() bool {
		s.cache.r.Clear() // the cache keeps what is outdated until it needs the room
		runtime.GC()
		return s.memfiles.bytes.Load() <= 0
	})
}

// TestSmallPagesHaveNoFiles, and neither have those for which there is no room.
func TestSmallPagesHaveNoFiles(t *testing.T) {
	s, body, _ := serveChanging(t, memfileMin-1, nil)
	hot(t, s, body())
	if got := s.memfiles.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are in files", got)
	}
	s, body, _ = serveChanging(t, 1<<20, func(c *Config) { c.CacheBytes = (1<<20 - 1) * memfileShare })
	hot(t, s, body())
	if got := s.memfiles.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are in files", got)
	}
}

// TestSlowReadersGetOnePage: who reads slowly while the page changes gets the old one to its end, whatever became of its entry and file.
func TestSlowReadersGetOnePage(t *testing.T) {
	s, body, change := serveChanging(t, 6<<20, nil)
	hot(t, s, body())
	if s.memfiles.bytes.Load() == 0 {
		t.Fatal("not in a file")
	}
	old := body()
	var slow []*kept
	for range 5 {
		slow = append(slow, asksForLarge(t, s))
	}
	change()
	hot(t, s, body())
	s.cache.r.Clear()
	runtime.GC()
	runtime.GC()
	hot(t, s, body())
	for _, b := range slow {
		if got := b.rest(t); !bytes.Equal(got, old) {
			t.Fatalf("%d bytes that are not the page's %d", len(got), len(old))
		}
	}
}

// TestReadersOfFilesMayLeave: who goes away in the middle of an answer, or reads nothing, leaves nothing behind.
func TestReadersOfFilesMayLeave(t *testing.T) {
	s, body, _ := serveChanging(t, 6<<20, func(c *Config) { c.WriteTimeout = 300 * time.Millisecond })
	hot(t, s, body())
	for i := range 20 {
		if b := asksForLarge(t, s); i%2 == 0 {
			_ = b.conn.Close()
		}
	}
	eventually(t, "the server has closed all of them", func() bool { return s.connections() <= 0 })
	if got := newKept(t, s).large(t); !bytes.Equal(got, body()) {
		t.Error("and does not answer as before")
	}
}
