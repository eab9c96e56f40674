package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meridian/edge"
	"meridian/internal/flagenv"
)

// The flags that are called live are those that a server takes while it runs, and there are no others.
func TestLiveSettings(t *testing.T) {
	o, err := parseOptions(settings(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range live {
		if _, ok := o.values[name]; !ok {
			t.Errorf("there is no flag --%s", name)
		}
	}
	for name, value := range map[string]string{"admin-requests": "7", "browse": "7", "cache-ttl": "7s", "cart-writes": "7", "checkouts": "7", "client-header": "Forwarded", "origins": "https://a.example",
		"searches": "7", "sign-ins": "7", "trusted-proxies": "10.0.0.0/8", "unlimited": "10.0.0.0/8"} {
		next, err := parseOptions(settings(t, "--"+name, value))
		if err != nil {
			t.Fatal(err)
		}
		a, b := o.tuning(), next.tuning()
		if text(a) == text(b) {
			t.Errorf("--%s changes nothing in a server that runs", name)
		}
	}
}

func text(t edge.Tuning) string {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("", "t", t)
	_, after, _ := strings.Cut(b.String(), " t=")
	return after
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A hang-up changes limits under an edge that runs and keeps what it has cached. A mistake in the file changes nothing.
func TestSettingsAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.settings")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("EDGE_BROWSE=400\n")
	shop, ops := free(t), free(t)
	args := settings(t, "--addr", shop, "--ops-addr", ops, "--settings", file, "--sign-ins", "11")
	o, err := parseOptions(args)
	if err != nil || o.limits.Browse != 400 {
		t.Fatal(o.limits, err)
	}
	out := os.Stderr
	read, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = pipe
	log := &lines{}
	copied := make(chan struct{})
	go func() { defer close(copied); _, _ = io.Copy(log, read) }()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, args) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		os.Stderr = out
		pipe.Close()
		<-copied
		if t.Failed() {
			t.Log(log)
		}
	}()
	get := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, resp.Header.Get("Cache-Status")
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never: %s\n%s", what, log)
			}
		}
	}
	hangUp := func(text, told string) {
		t.Helper()
		write(text)
		before := strings.Count(log.String(), told)
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until(told, func() bool { return strings.Count(log.String(), told) > before })
	}
	until("the edge answers", func() bool { status, _ := get("http://" + ops + "/healthz"); return status == 200 })
	get("http://" + shop + "/robots.txt")
	cached := func() {
		t.Helper()
		if status, how := get("http://" + shop + "/robots.txt"); status != 200 || !strings.Contains(how, "; hit") {
			t.Errorf("what was cached is %d %s", status, how)
		}
	}
	cached()
	refused := func() (n int) {
		for range 4 { // no core answers: each of them is a fetch
			if status, _ := get("http://" + shop + "/products/mug"); status == 429 {
				n++
			}
		}
		return n
	}
	if n := refused(); n > 0 {
		t.Fatalf("%d of 4 refused at 400 a second", n)
	}

	hangUp("# fewer\nEDGE_BROWSE=0.1\nEDGE_LOG_LEVEL=warn\nEDGE_REGION=mars\nEDGE_S3_ACCESS_KEY=a-key-of-length\nEDGE_SIGN_INS=3\n", `take effect at a restart`)
	for _, want := range []string{`"browse":{"from":"400","to":"0.1"}`, `"log-level":{"from":"INFO","to":"WARN"}`, `"settings":["region","s3-access-key"]`, "so the settings file does not", `"settings":["sign-ins"]`} {
		until(want, func() bool { return strings.Contains(log.String(), want) })
	}
	if strings.Contains(log.String(), "a-key-of-length") {
		t.Error("a key is in the log")
	}
	if n := refused(); n < 3 {
		t.Errorf("%d of 4 refused at one in ten seconds", n)
	}
	cached()

	hangUp("EDGE_BROWSE=400\nEDGE_BROWSE=0\n", "nothing of them is used")
	hangUp("EDGE_BROWSE=0\n", "nothing of them is used")
	if !strings.Contains(log.String(), file+":2: EDGE_BROWSE: is set in line 1 already") || !strings.Contains(log.String(), file+":1: EDGE_BROWSE: give a number above 0") {
		t.Error("the line with the mistake is not named")
	}
	if n := refused(); n < 3 {
		t.Errorf("%d of 4 refused: a file with a mistake changed something", n)
	}
	cached()
}

func TestABadSettingsFileEndsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.settings")
	if err := os.WriteFile(file, []byte("\nEDGE_CHECKOUTS=0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := parseOptions(settings(t, "--settings", file))
	if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.HasPrefix(err.Error(), file+":2: EDGE_CHECKOUTS: ") {
		t.Error(err)
	}
}
