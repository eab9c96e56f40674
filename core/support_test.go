package core_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/core"
	"meridian/core/payments"
	"meridian/core/seal"
	"meridian/deploy/local/payments/sandbox"

	"log/slog"
)

// aloneLog is a log of one node: commands are applied in the order in which they come. It remembers
// them, so that another machine can apply the same log.
type aloneLog struct {
	mu      sync.Mutex
	m       *core.Machine
	entries []entry
	base    uint64 // the index before the first entry
	// refuse, when set, may refuse a command before it enters the log.
	refuse func(command []byte) error
}

type entry struct {
	index    uint64
	head     []byte
	commands [][]byte
}

func (l *aloneLog) Propose(ctx context.Context, command []byte) (any, error) {
	values, err := l.ProposeAll(ctx, [][]byte{command})
	if err != nil {
		return nil, err
	}
	return values[0], nil
}
func (l *aloneLog) ProposeAll(_ context.Context, commands [][]byte) ([]any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, command := range commands {
		if l.refuse == nil {
			break
		}
		if err := l.refuse(command); err != nil {
			return nil, err
		}
	}
	e := entry{l.base + uint64(len(l.entries)) + 1, l.m.Seal(), commands}
	l.entries = append(l.entries, e)
	return l.m.Apply(e.index, 1, e.head, commands), nil
}
func (l *aloneLog) ReadExact(_ context.Context, take func() error) error { return take() }
func (l *aloneLog) WaitApplied(_ context.Context, index uint64) error {
	if l.m.Index().Raft < index {
		return context.DeadlineExceeded // nobody else writes here
	}
	return nil
}
func (l *aloneLog) Leading() bool  { return true }
func (l *aloneLog) Leader() string { return "core-1" }

// shop is one core over loopback, with the real sandbox provider behind it.
type shop struct {
	t       *testing.T
	log     *aloneLog
	machine *core.Machine
	service *core.Service
	client  *coreclient.Client
	server  *core.Server
	addr    string
	staff   string
	// patience is how long a call waits for its outcome.
	patience time.Duration
}

const secret = "a cluster token for tests"

func openMachine(t *testing.T, path string) *core.Machine {
	t.Helper()
	m, err := core.OpenMachine(core.MachineConfig{Path: path, InitialMmapSize: 1 << 28, Fail: func(err error) { t.Errorf("machine stopped: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newProvider(t *testing.T, dir string) core.Payments {
	t.Helper()
	server, err := sandbox.New(sandbox.Config{Dir: dir, Slow: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(nil)
	go server.Serve(ts.Listener)
	t.Cleanup(func() { server.Close() })
	p, err := payments.New(payments.Config{URL: "http://" + ts.Listener.Addr().String(), Timeout: 400 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func newShop(t *testing.T, change ...func(*core.ServiceConfig)) *shop {
	t.Helper()
	dir := t.TempDir()
	m := openMachine(t, filepath.Join(dir, "state.db"))
	ring, err := seal.OpenKeyring(filepath.Join(dir, "keyring"), true)
	if err != nil {
		t.Fatal(err)
	}
	l := &aloneLog{m: m}
	cfg := core.ServiceConfig{ID: "core-1", Region: "eu", Machine: m, Log: l, Keyring: ring, PaymentWait: 8 * time.Second}
	for _, fn := range change {
		fn(&cfg)
	}
	if cfg.Machine != m { // a restored one
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		m, l = cfg.Machine, cfg.Log.(*aloneLog)
	}
	if cfg.Payments == nil {
		cfg.Payments = newProvider(t, dir)
	}
	svc, err := core.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := core.NewServer(svc, secret, slog.New(slog.DiscardHandler))
	if err := server.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go server.Serve()
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-1", Region: "eu", Addr: server.Addr()}}, Region: "eu", Token: secret, Edge: "edge-eu"})
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{t: t, log: l, machine: m, service: svc, client: client, server: server, addr: server.Addr(), staff: "staff-token-of-the-test", patience: 20 * time.Second}
	t.Cleanup(func() {
		client.Close()
		server.Close()
		svc.Close()
		s.mustCheck()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	err = svc.EnsureStaff(context.Background(), []core.Staff{
		{Email: "merch@example.com", Role: "merchandiser", Password: "a long password", Token: s.staff},
		{Email: "ops@example.com", Role: "operator", Password: "a long password", Token: "token-of-the-operator"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustCheck verifies every invariant of the state.
func (s *shop) mustCheck() {
	s.t.Helper()
	if problems := s.problems(); len(problems) > 0 {
		s.t.Errorf("invariants broken:\n%s", strings.Join(problems, "\n"))
	}
}

func (s *shop) problems() []string {
	s.t.Helper()
	r, err := s.machine.Check()
	if err != nil {
		s.t.Error(err)
	}
	return r.Problems
}

// ask calls an endpoint as an edge does.
func ask[Req, Resp any](s *shop, ep api.Endpoint[Req, Resp], req Req, c api.Call) (Resp, api.Meta, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	return coreclient.Do(ctx, s.client, ep, req, c)
}

// get calls an endpoint that must not fail.
func get[Req, Resp any](s *shop, ep api.Endpoint[Req, Resp], req Req, c api.Call) Resp {
	s.t.Helper()
	v, _, err := ask(s, ep, req, c)
	if err != nil {
		s.t.Fatalf("%s: %v", ep.Name, err)
	}
	return v
}

// refused calls an endpoint that must answer with a code.
func refused[Req, Resp any](s *shop, code api.Code, ep api.Endpoint[Req, Resp], req Req, c api.Call) *api.Error {
	s.t.Helper()
	v, _, err := ask(s, ep, req, c)
	if api.CodeOf(err) != code {
		s.t.Fatalf("%s: got %v, %+v; want %s", ep.Name, err, v, code)
	}
	return api.AsError(err)
}

func (s *shop) staffCall(key string) api.Call {
	return api.Call{Credential: "staff:" + s.staff, Key: key}
}

// mugs puts a product with one SKU and some stock into the catalogue.
func (s *shop) mugs(sku string, stock int64) api.StaffProduct {
	s.t.Helper()
	p := api.StaffProduct{Handle: "mug-" + strings.ToLower(sku), Title: "Mug " + sku, Status: "active", Collections: []string{"mugs"},
		Variants: []api.StaffVariant{{SKU: sku, Title: "Default", Prices: map[string]int64{"EUR": 1900, "USD": 2100}, OnHand: stock}}}
	return get(s, api.StaffProductPut, api.PutProduct{Product: p}, s.staffCall(""))
}

var germany = api.Locale{Currency: "EUR", Country: "DE"}

// cart makes a cart with n of a SKU.
func (s *shop) cart(sku string, n int64) api.Cart {
	s.t.Helper()
	c := get(s, api.CartsCreate, api.NewCart{Locale: germany}, api.Call{})
	if n > 0 {
		c = get(s, api.CartsPutLine, api.PutLine{Cart: c.ID, SKU: sku, Quantity: n}, api.Call{})
	}
	return c
}

func purchase(cart, token string) api.CheckoutRequest {
	return api.CheckoutRequest{Cart: cart, Checkout: api.Checkout{Email: "ada@example.com", ShippingMethod: "standard",
		ShippingAddress: api.Address{Name: "Ada Lovelace", Line1: "12 St James's Square", City: "London", PostalCode: "SW1Y 4JH", Country: "GB"},
		Payment:         api.PaymentMethod{Provider: "sandbox", Token: token}}}
}

func (s *shop) stockOf(sku string) api.StockLevel {
	s.t.Helper()
	return get(s, api.StockGet, api.StockQuery{SKU: sku}, s.staffCall(""))
}

func (s *shop) wantStock(sku string, onHand, reserved int64) {
	s.t.Helper()
	if l := s.stockOf(sku); l.OnHand != onHand || l.Reserved != reserved {
		s.t.Errorf("%s: on hand %d, reserved %d; want %d, %d", sku, l.OnHand, l.Reserved, onHand, reserved)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func keyN(i int) string { return fmt.Sprintf("key-%d", i) }
