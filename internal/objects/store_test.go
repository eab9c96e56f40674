package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"meridian/internal/objects"
	"meridian/internal/objects/s3test"
)

func open(t *testing.T, srv *s3test.Server) *objects.Store {
	t.Helper()
	s, err := objects.New(objects.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "files", Timeout: time.Second, Rest: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// started is a store on a server of its own, with its bucket.
func started(t *testing.T) (*objects.Store, *s3test.Server) {
	t.Helper()
	srv := s3test.Start(t)
	s := open(t, srv)
	if err := s.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, srv
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestPutGetRange(t *testing.T) {
	s, _ := started(t)
	ctx := t.Context()
	body := random(100_000)
	if err := s.EnsureBucket(ctx); err != nil {
		t.Fatalf("a second EnsureBucket: %v", err)
	}
	if err := s.Put(ctx, "clips/turn-1.mp4", "video/mp4", body); err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(ctx, "clips/turn-1.mp4")
	if err != nil || !bytes.Equal(o.Body, body) || o.ContentType != "video/mp4" || o.Size != 100_000 || o.ETag == "" || o.Modified.IsZero() {
		t.Fatalf("got %d bytes, %q, size %d, etag %q, %v", len(o.Body), o.ContentType, o.Size, o.ETag, err)
	}
	for _, c := range []struct{ from, to, start, end int64 }{{0, 99, 0, 100}, {0, -1, 0, 100_000}, {500, 500, 500, 501}, {99_990, -1, 99_990, 100_000}, {99_990, 200_000, 99_990, 100_000}} {
		o, err := s.GetRange(ctx, "clips/turn-1.mp4", c.from, c.to)
		if err != nil || !bytes.Equal(o.Body, body[c.start:c.end]) || o.Start != c.start || o.Size != 100_000 {
			t.Errorf("bytes %d to %d: %d bytes from %d of %d, %v", c.from, c.to, len(o.Body), o.Start, o.Size, err)
		}
	}
	for _, c := range [][2]int64{{100_000, -1}, {10, 5}, {-3, 5}} {
		if _, err := s.GetRange(ctx, "clips/turn-1.mp4", c[0], c[1]); !errors.Is(err, objects.ErrRange) {
			t.Errorf("bytes %d to %d: %v", c[0], c[1], err)
		}
	}
	st, err := s.Stat(ctx, "clips/turn-1.mp4")
	if err != nil || st.Size != 100_000 || st.ETag != o.ETag || len(st.Body) != 0 {
		t.Errorf("stat: %+v, %v", st, err)
	}
}

func TestPutIsIdempotent(t *testing.T) {
	s, _ := started(t)
	ctx := t.Context()
	for range 2 {
		if err := s.Put(ctx, "a.txt", "text/plain", []byte("one")); err != nil {
			t.Fatal(err)
		}
	}
	first, err := s.Stat(ctx, "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "a.txt", "text/plain", []byte("two")); err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(ctx, "a.txt")
	if err != nil || string(o.Body) != "two" || o.ETag == first.ETag {
		t.Fatalf("after other bytes: %q, %v", o.Body, err)
	}
	if err := s.Put(ctx, "empty", "text/plain", nil); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Get(ctx, "empty"); err != nil || len(o.Body) != 0 {
		t.Fatalf("empty file: %v, %v", o.Body, err)
	}
}

func TestNotFoundIsNotAnOutage(t *testing.T) {
	s, _ := started(t)
	for i := range 20 { // far more than trip the breaker
		_, err := s.Get(t.Context(), fmt.Sprint("none-", i))
		if !errors.Is(err, objects.ErrNotFound) || errors.Is(err, objects.ErrUnavailable) {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), "none"); !errors.Is(err, objects.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if !s.Available() {
		t.Fatal("the breaker is open")
	}
}

func TestKeysAreChecked(t *testing.T) {
	s, err := objects.New(objects.Config{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b", Bucket: "c"})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a b", "a\x00", "a%2f", `a\b`, "ü", strings.Repeat("a", 513)} {
		for what, err := range map[string]error{
			"put": s.Put(t.Context(), key, "text/plain", nil), "get": second(s.Get(t.Context(), key)), "stat": second(s.Stat(t.Context(), key)),
		} {
			if !errors.Is(err, objects.ErrKey) {
				t.Errorf("%s %q: %v", what, key, err)
			}
		}
	}
}

func second(_ objects.Object, err error) error { return err }

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []objects.Config{{}, {Endpoint: "x:1"}, {Endpoint: "http://x/y", AccessKey: "a", SecretKey: "b", Bucket: "c"}} {
		if _, err := objects.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

// outage expects quick refusals while the server is away and service soon after it is back.
func outage(t *testing.T, s *objects.Store, end func()) {
	t.Helper()
	ctx := t.Context()
	began := time.Now()
	for range 10 {
		if _, err := s.Get(ctx, "a"); !errors.Is(err, objects.ErrUnavailable) {
			t.Fatalf("while away: %v", err)
		}
	}
	// Three tries of at most a second, then the breaker refuses at once but for a try each rest.
	if d := time.Since(began); d > 6*time.Second {
		t.Fatalf("ten refusals took %s", d)
	}
	if s.Available() {
		t.Fatal("still asked after ten failures")
	}
	began = time.Now()
	_, err := s.Get(ctx, "a")
	if d := time.Since(began); !errors.Is(err, objects.ErrUnavailable) || d > 1500*time.Millisecond {
		t.Fatalf("with the breaker open: %v after %s", err, d)
	}
	end()
	deadline := time.Now().Add(15 * time.Second)
	for {
		o, err := s.Get(ctx, "a")
		if err == nil && string(o.Body) == "here" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not served after the server was back: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // between polls
	}
}

func TestKilledServer(t *testing.T) {
	s, srv := started(t)
	if err := s.Put(t.Context(), "a", "text/plain", []byte("here")); err != nil {
		t.Fatal(err)
	}
	srv.Kill()
	outage(t, s, srv.Restart)
}

func TestFrozenServer(t *testing.T) {
	s, srv := started(t)
	if err := s.Put(t.Context(), "a", "text/plain", []byte("here")); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	outage(t, s, srv.Continue)
}

func TestCallersWhoLeaveDoNotTripTheBreaker(t *testing.T) {
	s, srv := started(t)
	srv.Stop()
	defer srv.Continue()
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- second(s.Get(ctx, "a")) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if !s.Available() {
		t.Fatal("the breaker is open")
	}
}
