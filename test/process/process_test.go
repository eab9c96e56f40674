package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
	"meridian/test/scenario"
)

// near is the demo that the tests of this file share; they run one after another.
var near running

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "meridian-process-")
	if err == nil {
		near, err = startDemo(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the demo:", err)
		return 1
	}
	code := m.Run()
	if near.Running() {
		if err := near.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the demo:", err)
			code = 1
		}
	}
	if code == 0 {
		os.RemoveAll(dir)
	} else {
		fmt.Fprintln(os.Stderr, "the demo's logs are kept in", filepath.Join(dir, "log"))
	}
	return code
}

func TestOversell(t *testing.T) {
	near.shop(t).Oversell(scenario.Race{Buyers: 400, Units: 100})
}

func TestOversellWithTheLeaderKilled(t *testing.T) {
	s := near.shop(t)
	s.Oversell(scenario.Race{Buyers: 400, Units: 100, Midway: func() {
		name := leader(t, s)
		t.Logf("killed %s (%d)", name, near.signal(t, name, syscall.SIGKILL))
	}})
	near.waitServing(t)
}

func TestOversellFarApart(t *testing.T) {
	dir := t.TempDir()
	far, err := startDemo(dir, "--rtt", "80ms", "--no-clickhouse")
	if err != nil {
		t.Fatal(err)
	}
	s := far.shop(t)
	s.Oversell(scenario.Race{Buyers: 400, Units: 100})
	s.Oversell(scenario.Race{Buyers: 400, Units: 100, Midway: func() {
		name := leader(t, s)
		t.Logf("killed %s (%d)", name, far.signal(t, name, syscall.SIGKILL))
	}})
	far.waitServing(t)
	if err := far.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	checkReplicas(t, far)
}

// TestFrozenLeader freezes the leader: the others go on selling, and when it wakes it has nothing to say.
func TestFrozenLeader(t *testing.T) {
	s := near.shop(t)
	s.PutProduct("frozen", "FROZEN-1", 700, 20)
	name := leader(t, s)
	pid := near.freeze(t, name)
	cart := s.CartWith(1, "FROZEN-1", 3)
	o := scenario.Must[api.Order](s, s.Checkout(2, cart.ID, "frozen-"+cart.ID, "tok_ok"))
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for i := range s.Edges {
		if l := s.Stock(i, "FROZEN-1"); l.OnHand != 17 {
			t.Errorf("edge %d reads %+v", i, l)
		}
	}
	if got := scenario.Must[api.Order](s, scenario.Request{Method: "GET", URL: s.Edge(0) + "/api/v1/orders/" + o.ID + "?key=" + o.Key}); got.Status != api.OrderPaid {
		t.Errorf("%+v", got)
	}
	near.waitServing(t)
}

func TestPriceChangeWithinASecond(t *testing.T) {
	took, ok := near.shop(t).PriceChange(10 * time.Second)
	t.Logf("a changed price was on every edge after %v", took)
	if !ok || took > time.Second {
		t.Errorf("a changed price took %v", took)
	}
}

// sender sends events and remembers which were accepted.
type sender struct {
	s        *scenario.Shop
	session  string
	accepted []string
}

// send sends one batch until it is accepted, always with the same ids, at one edge.
func (e *sender) send(edge, n int) error {
	var b api.EventBatch
	for range n {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		b.Events = append(b.Events, api.Event{ID: id.String(), Type: "view_item", At: time.Now().UTC().Format(time.RFC3339), Session: e.session,
			Items: []api.EventItem{{ItemID: "flash-mug"}}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := e.s.Persist(ctx, scenario.Request{Method: "POST", URL: e.s.Edge(edge) + "/api/v1/events", Body: b}, nil)
	if err == nil {
		for _, v := range b.Events {
			e.accepted = append(e.accepted, v.ID)
		}
	}
	return err
}

// TestKillEverything kills every process, one after the other and then all at once, while orders, carts,
// stock changes and events come in. What was acknowledged must be there afterwards, events exactly once.
func TestKillEverything(t *testing.T) {
	s := near.shop(t)
	s.PutProduct("survivor", "SURVIVOR-1", 900, 1000)
	clicks := &sender{s: s, session: "kill-" + fmt.Sprint(time.Now().UnixNano())}
	var orders []api.Order
	var carts []api.Cart
	work := func(i int) {
		cart := s.CartWith(i, "SURVIVOR-1", 1)
		orders = append(orders, scenario.Must[api.Order](s, s.Checkout(i, cart.ID, "kill-"+cart.ID, "tok_ok")))
		carts = append(carts, s.CartWith(i+1, "SURVIVOR-1", 2))
		if err := clicks.send(i, 10); err != nil {
			t.Fatal(err)
		}
	}
	names := near.names(t)
	for i, name := range names {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() { defer wg.Done(); near.signal(t, name, syscall.SIGKILL) }()
		work(i)
		wg.Wait()
		near.waitServing(t)
	}
	pids := map[string]int{}
	for _, name := range names {
		pids[name] = near.pid(t, name)
	}
	for name, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill %s: %v", name, err)
		}
	}
	eventually(t, "the processes to be started again", func() bool {
		_, err := s.Do(context.Background(), scenario.Request{Method: "GET", URL: s.Edge(0) + "/api/v1/collections"}, nil)
		return err == nil
	})
	near.waitServing(t)
	work(len(names))

	for _, o := range orders {
		got := scenario.Must[api.Order](s, scenario.Request{Method: "GET", URL: s.Edge(1) + "/api/v1/orders/" + o.ID + "?key=" + o.Key})
		if got.Status != api.OrderPaid || got.Totals != o.Totals {
			t.Errorf("order %s is %+v, was acknowledged as %+v", o.ID, got, o)
		}
	}
	for i, c := range carts {
		got := scenario.Must[api.Cart](s, scenario.Request{Method: "GET", URL: s.Edge(i) + "/api/v1/carts/" + c.ID})
		if len(got.Lines) != 1 || got.Lines[0].Quantity != 2 {
			t.Errorf("cart %s is %+v", c.ID, got)
		}
	}
	if l := s.Stock(2, "SURVIVOR-1"); l.OnHand != int64(1000-len(orders)) {
		t.Errorf("%d were sold, stock is %+v", len(orders), l)
	}
	near.eventsOnce(t, clicks)
	near.ordersOnce(t, orders)
}

// eventsOnce waits until ClickHouse holds every accepted event, and verifies that it holds each once: in the raw
// table, and in what readers query.
func (d running) eventsOnce(t *testing.T, clicks *sender) {
	t.Helper()
	want := len(clicks.accepted)
	for _, table := range []string{"events", "clickstream"} {
		query := fmt.Sprintf("SELECT count(), uniqExact(id) FROM %s WHERE session = '%s' FORMAT TSV", table, clicks.session)
		var got string
		eventually(t, "the events to arrive in "+table, func() bool {
			var err error
			got, err = d.ClickHouse(query)
			return err == nil && strings.HasSuffix(got, fmt.Sprintf("\t%d", want))
		})
		if got != fmt.Sprintf("%d\t%d", want, want) {
			t.Errorf("%s: count and uniqExact(id) are %q, accepted were %d", table, got, want)
		}
	}
}

// ordersOnce is the same for orders.
func (d running) ordersOnce(t *testing.T, orders []api.Order) {
	t.Helper()
	var ids []string
	for _, o := range orders {
		ids = append(ids, "'"+o.ID+"'")
	}
	query := "SELECT count(), uniqExact(order_id) FROM sales WHERE kind = 'order_placed' AND order_id IN (" + strings.Join(ids, ",") + ") FORMAT TSV"
	eventually(t, fmt.Sprintf("%d orders to arrive", len(orders)), func() bool {
		got, err := d.ClickHouse(query)
		return err == nil && got == fmt.Sprintf("%d\t%d", len(orders), len(orders))
	})
}

// TestClickHouseFrozen freezes the engine: the shop does not notice, and nothing is lost.
func TestClickHouseFrozen(t *testing.T) {
	s := near.shop(t)
	clicks := &sender{s: s, session: "frozen-" + fmt.Sprint(time.Now().UnixNano())}
	pid := near.freeze(t, "clickhouse")
	for i := range 6 {
		start := time.Now()
		if err := clicks.send(i, 5); err != nil {
			t.Error(err)
		}
		s.Page(i, "/")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("with ClickHouse frozen, a batch and a page took %v", took)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	near.eventsOnce(t, clicks)
	near.ordersOnce(t, buyOne(t, s))
}

// buyOne buys one thing, so that there is an order to look for.
func buyOne(t *testing.T, s *scenario.Shop) []api.Order {
	t.Helper()
	sku := fmt.Sprintf("ONE-%d", time.Now().UnixNano())
	s.PutProduct(strings.ToLower(sku), sku, 500, 1)
	cart := s.CartWith(0, sku, 1)
	return []api.Order{scenario.Must[api.Order](s, s.Checkout(0, cart.ID, sku, "tok_ok"))}
}

// TestS3Frozen freezes the S3 server: what is cached is served, the rest is a 503, pages sell.
func TestS3Frozen(t *testing.T) {
	s := near.shop(t)
	list := scenario.Must[api.List[api.Product]](s, scenario.Request{Method: "GET", URL: s.Edge(0) + "/api/v1/products?limit=100"})
	var pictures []string
	for _, p := range list.Items {
		if len(p.Images) > 0 {
			pictures = append(pictures, p.Images[0].URL)
		}
	}
	if len(pictures) < 10 {
		t.Fatalf("only %d products have pictures", len(pictures))
	}
	if r := s.Page(0, pictures[0]); !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("a picture's Cache-Control is %q", r.Header.Get("Cache-Control"))
	}
	pid := near.freeze(t, "s3")
	s.Page(0, pictures[0])
	unavailable := false
	for _, p := range pictures[5:] {
		resp, err := s.HTTP.Get(s.Edge(0) + p)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		unavailable = unavailable || resp.StatusCode == http.StatusServiceUnavailable
		if resp.StatusCode != 200 && resp.StatusCode != 503 {
			t.Errorf("%s: %d", p, resp.StatusCode)
		}
		if unavailable {
			break
		}
	}
	if !unavailable {
		t.Error("with the S3 server frozen no picture was unavailable: all were cached, this test shows nothing")
	}
	buyOne(t, s)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "pictures to be back", func() bool {
		resp, err := s.HTTP.Get(s.Edge(0) + pictures[len(pictures)-1])
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
}

// TestZStops ends the shared demo, last of all: nothing is left running, the next start would find
// everything, and every replica holds every invariant and the same state.
func TestZStops(t *testing.T) {
	pids := map[string]int{}
	for _, n := range near.names(t) {
		pids[n] = near.pid(t, n)
	}
	if err := near.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	for n, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s (%d) is still there: %v", n, pid, err)
		}
	}
	checkReplicas(t, near)
}

// checkReplicas runs core check on every stopped replica; those at the same index must have the same hash.
func checkReplicas(t *testing.T, d running) {
	t.Helper()
	hashes := map[string]string{}
	for _, r := range []string{"eu", "us", "ap"} {
		out, err := exec.Command(filepath.Join(repository, "bin", "core"), "check", "--data", filepath.Join(d.Dir, "data", "core-"+r)).CombinedOutput()
		if err != nil {
			t.Errorf("core check of %s: %v\n%s", r, err, out)
			continue
		}
		line, _, _ := strings.Cut(string(out), "\n")
		t.Logf("%s: %s", r, line)
		var index, hash string
		if _, err := fmt.Sscanf(line, "index %s hash %s", &index, &hash); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if other, known := hashes[index]; known && other != hash {
			t.Errorf("two replicas at index %s have the hashes %s and %s", index, hash, other)
		}
		hashes[index] = hash
	}
}
