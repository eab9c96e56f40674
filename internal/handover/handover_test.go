package handover

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// running is a process that offers one socket.
type running struct {
	ln              net.Listener
	offer           *Offer
	yields, resumes chan struct{}
	path            string
}

func run(t *testing.T) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{ln: ln, yields: make(chan struct{}, 10), resumes: make(chan struct{}, 10), path: filepath.Join(t.TempDir(), "run", "edge.sock")}
	r.offer, err = New(Config{Path: r.path, Name: "edge-1", Sockets: map[string]net.Listener{"shop": ln}, Logger: slog.New(slog.DiscardHandler),
		Yield:  func() { r.yields <- struct{}{} },
		Resume: func() { r.resumes <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.offer.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.offer.Close(), ln.Close() })
	return r
}

// greet accepts one connection at a listener and answers who.
func greet(ln net.Listener, who string) {
	c, err := ln.Accept()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, who)
	_ = c.Close()
}

func ask(t *testing.T, addr string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSuccessorServes(t *testing.T) {
	r := run(t)
	if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v; only its owner may connect", info, err)
	}
	got, err := Take(t.Context(), r.path, "edge-1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	// Before it is ready, the one that runs serves.
	go greet(r.ln, "old")
	if who := ask(t, r.ln.Addr().String()); who != "old" {
		t.Errorf("%q answers", who)
	}
	if err := got.Ready(); err != nil {
		t.Fatal(err)
	}
	<-r.yields
	// A connection that comes while nobody accepts waits in the socket's queue, over the end of the old one.
	waiting := make(chan string)
	go func() { waiting <- ask(t, r.ln.Addr().String()) }()
	if err := got.Serving(); err != nil {
		t.Fatal(err)
	}
	<-r.offer.Taken()
	next, err := New(Config{Path: r.path, Name: "edge-1", Sockets: got.Listeners, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.offer.Close(), r.ln.Close()); err != nil {
		t.Fatal(err)
	}
	go greet(got.Listeners["shop"], "new")
	if who := <-waiting; who != "new" {
		t.Errorf("%q answers", who)
	}
	// The path is the successor's.
	again, err := Take(t.Context(), r.path, "edge-1")
	if err != nil || again == nil {
		t.Fatalf("%v, %v: the successor offers its sockets, too", again, err)
	}
	if err := errors.Join(again.Close(), next.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an offer that was taken back left its socket: %v", err)
	}
}

func TestNobodyToSucceed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.sock")
	if got, err := Take(t.Context(), path, "edge-1"); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	// What a killed process leaves refuses connections.
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	if got, err := Take(t.Context(), path, "edge-1"); got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	o, err := New(Config{Path: path, Name: "edge-1", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("a socket that was left: %v", err)
	}
	if err := o.Open(); err != nil {
		t.Fatalf("a socket that was left: %v", err)
	}
	_ = o.Close()
}

// TestNobodySeesAnOfferBeforeItIsOpen: a successor prepares its own while the running process still offers its
// sockets, and gives it up without a trace.
func TestNobodySeesAnOfferBeforeItIsOpen(t *testing.T) {
	r := run(t)
	next, err := New(Config{Path: r.path, Name: "edge-1", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Take(t.Context(), r.path, "edge-1")
	if err != nil || got == nil || len(got.Listeners) != 1 {
		t.Fatalf("%+v, %v: the running process does not offer its sockets", got, err)
	}
	_ = errors.Join(got.Close(), got.Listeners["shop"].Close())
	if err := next.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(r.path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v is left", left, err)
	}
}

func TestPathOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Path: path, Name: "edge-1"}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("%v", err)
	}
}

// TestSuccessorThatFails: whenever a successor ends before it serves, the running process goes on, and the next
// successor finds it.
func TestSuccessorThatFails(t *testing.T) {
	r := run(t)
	fails := map[string]func(got *Taken){
		"at once":          func(*Taken) {},
		"when it is ready": func(got *Taken) { _ = got.Ready() },
		"in other words":   func(got *Taken) { _ = got.peer.say(message{Step: "what"}) },
		"without a word": func(got *Taken) {
			if _, err := got.peer.conn.Write([]byte("\x00\xff\n")); err != nil {
				t.Error(err)
			}
		},
	}
	for name, fail := range fails {
		got, err := Take(t.Context(), r.path, "edge-1")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fail(got)
		_ = errors.Join(got.Close(), got.Listeners["shop"].Close())
		if name == "when it is ready" {
			<-r.yields
			select {
			case <-r.resumes:
			case <-time.After(10 * time.Second):
				t.Fatal("what was yielded was not taken up again")
			}
		}
	}
	select {
	case <-r.offer.Taken():
		t.Error("nobody serves, and the running process may go")
	case <-r.yields:
		t.Error("it yielded to one that was not ready")
	default:
	}
	go greet(r.ln, "old")
	if who := ask(t, r.ln.Addr().String()); who != "old" {
		t.Errorf("%q answers", who)
	}
}

func TestOthersAreRefused(t *testing.T) {
	r := run(t)
	got, err := Take(t.Context(), r.path, "edge-2")
	if !errors.Is(err, ErrRefused) || got != nil || !strings.Contains(err.Error(), "edge-1, not edge-2") {
		t.Errorf("%v, %v", got, err)
	}
}
