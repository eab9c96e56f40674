package mail

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"meridian/core"
)

func sender(t *testing.T, change func(*Config)) *Sender {
	t.Helper()
	cfg := Config{Addr: "127.0.0.1:1", From: "shop@meridian.example", Timeout: time.Second}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTLSIsOffOnLoopbackOnly(t *testing.T) {
	for host, want := range map[string]gomail.TLSPolicy{
		"127.0.0.1": gomail.NoTLS, "127.9.9.9": gomail.NoTLS, "::1": gomail.NoTLS, "localhost": gomail.NoTLS, "LOCALHOST": gomail.NoTLS,
		"smtp.example.com": gomail.TLSMandatory, "10.0.0.1": gomail.TLSMandatory, "localhost.example.com": gomail.TLSMandatory, "0.0.0.0": gomail.TLSMandatory,
	} {
		if got := tlsPolicy(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no port":                  {Addr: "smtp.example.com", From: "a@b.example"},
		"port 0":                   {Addr: "smtp.example.com:0", From: "a@b.example"},
		"no sender":                {Addr: "smtp.example.com:25"},
		"a password without TLS":   {Addr: "127.0.0.1:25", From: "a@b.example", Username: "u", Password: "p"},
		"a sender of two lines":    {Addr: "127.0.0.1:25", From: "a@b.example\r\nBcc: c@d.example"},
		"an address without host":  {Addr: ":25", From: "a@b.example"},
		"a port that is no number": {Addr: "x:smtp", From: "a@b.example"},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestWhatCannotBeAMailIsRefusedForGood(t *testing.T) {
	s := sender(t, nil)
	good := core.Mail{ID: "order-1", To: "ada@example.com", Subject: "Hello", Text: "Hi"}
	for name, change := range map[string]func(*core.Mail){
		"no recipient":        func(m *core.Mail) { m.To = "" },
		"header injection":    func(m *core.Mail) { m.To = "a@b.example\r\nBcc: c@d.example" },
		"subject of 2 lines":  func(m *core.Mail) { m.Subject = "a\r\nBcc: c@d.example" },
		"id of 2 lines":       func(m *core.Mail) { m.ID = "a\r\nb" },
		"no id":               func(m *core.Mail) { m.ID = "" },
		"more than the limit": func(m *core.Mail) { m.Text = strings.Repeat("x", maxMailBytes+1) },
	} {
		m := good
		change(&m)
		if err := s.Send(context.Background(), m); !errors.Is(err, ErrPermanent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Send(context.Background(), good); err == nil || errors.Is(err, ErrPermanent) {
		t.Errorf("no server: %v", err)
	}
}

// TestAServerThatNeverAnswersIsBounded has a server that accepts and says nothing.
func TestAServerThatNeverAnswersIsBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := sender(t, func(c *Config) { c.Addr, c.Timeout, c.MaxParallel = ln.Addr().String(), 100*time.Millisecond, 1 })
	began := time.Now()
	if err := s.Send(context.Background(), core.Mail{ID: "1", To: "a@b.example", Subject: "s", Text: "t"}); err == nil {
		t.Fatal("sent to nobody")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("gave up only after %v", took)
	}
}
