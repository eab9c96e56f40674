package coreclient

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// said is what a client has logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), text)
}

// TestWrongClusterToken: whoever asks did nothing wrong, so it is no 401, and the log says what to do, once.
func TestWrongClusterToken(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	log := &said{}
	c := w.client(t, func(cfg *Config) {
		cfg.Token, cfg.Logger = "another", slog.New(slog.NewTextHandler(log, nil))
	})
	if _, _, err := Do(within(t, 5*time.Second), c, api.ProductsGet, api.ProductQuery{Handle: "a"}, api.Call{}); api.CodeOf(err) != api.CodeUnavailable {
		t.Error(err)
	}
	if _, _, err := adjust(within(t, time.Second), c, 1, ""); api.CodeOf(err) != api.CodeNoLeader {
		t.Error(err)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if text := log.b.String(); strings.Count(text, "give both the same --cluster-token-file") != 2 { // each core once
		t.Error(text)
	}
}

// TestHintsAtTLS: one end speaks TLS and the other does not.
func TestHintsAtTLS(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", certified.TLS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { secure.Close() })
	go func() {
		for { // as a core does: what is no handshake is not answered
			c, err := secure.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			c.Close()
		}
	}()
	for name, tune := range map[string]struct {
		tls  func(string) *tls.Config
		addr string
		want string
	}{
		"plain client": {nil, secure.Addr().String(), "set --tls-cert, --tls-key and --tls-ca here"},
		"plain core":   {func(string) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, w.servers["core-eu"].Listener.Addr().String(), "give the core --tls-cert"},
	} {
		log := &said{}
		c := w.client(t, func(cfg *Config) {
			cfg.Nodes = []Node{{ID: "core-eu", Region: "eu", Addr: tune.addr}}
			cfg.TLS, cfg.Logger = tune.tls, slog.New(slog.NewTextHandler(log, nil))
		})
		_, _, err := Do(within(t, 5*time.Second), c, api.ProductsGet, api.ProductQuery{Handle: "a"}, api.Call{})
		if api.CodeOf(err) != api.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		until(t, name+" to be told", func() bool { return log.has(tune.want) })
	}
}
