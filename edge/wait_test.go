package edge

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/edge/waiting"
)

// roomFixture is a shop with a waiting room for the mug, the core of which counts.
type roomFixture struct {
	*shopFixture
	mu      sync.Mutex
	room    api.Room
	arrived uint64
	rooms   *waiting.Rooms
}

func newRoomFixture(t *testing.T) *roomFixture {
	t.Helper()
	r := &roomFixture{room: api.Room{ID: "drop", Product: "mug", SKUs: []string{"MUG-S"}, Opening: 7, Rate: 10, TurnSeconds: 600, Available: 3, Arrived: 5}, arrived: 5}
	r.shopFixture = newShopFixture(t, func(cfg *ShopConfig) {
		r.rooms = waiting.New(waiting.Config{Core: waiting.Cores{Client: cfg.Core, Edge: "edge-eu"}, Secret: []byte("0123456789abcdef"), Logger: cfg.Log})
		cfg.Rooms = r.rooms
	})
	r.core.on("rooms.list", func(wireCall) wireAnswer {
		r.mu.Lock()
		defer r.mu.Unlock()
		room := r.room
		room.Arrived = r.arrived
		return wireAnswer{V: api.List[api.Room]{Items: []api.Room{room}}}
	})
	r.core.on("rooms.arrive", func(c wireCall) wireAnswer {
		var req api.Arrivals
		if err := json.Unmarshal(c.Body, &req); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		first := r.arrived + 1
		r.arrived += req.Rooms[0].Count
		return wireAnswer{V: api.Places{First: []uint64{first}}}
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.rooms.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	r.until("the room to be seen", func(room *api.Room) bool { return room != nil })
	return r
}

func (r *roomFixture) change(fn func(*api.Room)) {
	r.mu.Lock()
	fn(&r.room)
	want := r.room
	r.mu.Unlock()
	r.until("the change to be seen", func(room *api.Room) bool {
		return room != nil && room.Admitted == want.Admitted && room.Over == want.Over && room.Available == want.Available && room.Rate == want.Rate && room.Product == want.Product
	})
}

func (r *roomFixture) until(what string, ok func(*api.Room) bool) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(r.rooms.ByID("drop")); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestWaitingOnPages walks a shopper through a room: put into the cart, wait, be let in, buy.
func TestWaitingOnPages(t *testing.T) {
	r := newRoomFixture(t)
	r.core.on("carts.checkout", func(c wireCall) wireAnswer {
		var req api.CheckoutRequest
		if err := json.Unmarshal(c.Body, &req); err != nil {
			t.Error(err)
		}
		if len(req.Tickets) != 1 || req.Tickets[0] != (api.Ticket{Room: "drop", Opening: 7, Number: 6}) || req.Client == "" {
			t.Errorf("the core is told of %+v, %q", req.Tickets, req.Client)
		}
		return wireAnswer{V: api.Order{ID: "o1-x", Key: "k", Number: "M-1", Lines: []api.OrderLine{}, Events: []api.OrderEvent{}}}
	})
	r.do("GET", "/wait/drop", "").must(t, 200, "Take a place", "<b>5</b>")
	sent := r.form("/cart", "sku", "MUG-S", "quantity", "1")
	if sent.must(t, 303); sent.Header.Get("Location") != "/wait/drop?for=mug" {
		t.Errorf("sent to %s", sent.Header.Get("Location"))
	}
	if n := len(r.core.called("carts.put_line")); n > 0 {
		t.Errorf("%d lines were put into a cart before it was their turn", n)
	}
	page := r.do("GET", "/wait/drop", "").must(t, 200, "You are in line", "<b>5</b> people are before you", `http-equiv="refresh"`)
	if len(page.body) > 1500 {
		t.Errorf("the waiting page has %d bytes", len(page.body))
	}
	r.form("/wait/drop").must(t, 303) // pressed once more: nobody loses or gains a place
	r.form("/cart", "sku", "MUG-S").must(t, 303)
	if r.arrived != 6 {
		t.Errorf("%d numbers were given out", r.arrived-5)
	}
	if to := r.form("/cart", "sku", "MUG-L"); to.Header.Get("Location") != "/cart" {
		t.Errorf("what the room does not guard leads to %s", to.Header.Get("Location"))
	}

	r.change(func(room *api.Room) { room.Available, room.Held = 0, 2 })
	r.do("GET", "/wait/drop", "").must(t, 200, "being paid for by others")
	r.change(func(room *api.Room) { room.Available, room.Admitted = 3, 6 })
	if in := r.do("GET", "/wait/drop", "").must(t, 303); in.Header.Get("Location") != "/products/mug" {
		t.Errorf("let in to %s", in.Header.Get("Location"))
	}
	if to := r.form("/cart", "sku", "MUG-S", "quantity", "1").must(t, 303); to.Header.Get("Location") != "/cart" {
		t.Errorf("after the turn came, the cart's form leads to %s", to.Header.Get("Location"))
	}
	r.form("/checkout", "email", "a@example.com", "key", "k1", "payment_token", "tok_ok").must(t, 303)

	r.change(func(room *api.Room) { room.Over = 6 })
	if to := r.form("/cart", "sku", "MUG-S", "quantity", "1").must(t, 303); to.Header.Get("Location") != "/wait/drop?for=mug" {
		t.Errorf("after the turn was over, the cart's form leads to %s", to.Header.Get("Location"))
	}
	if r.arrived != 7 {
		t.Errorf("after the turn was over, %d numbers were given out", r.arrived-5)
	}
	r.change(func(room *api.Room) { room.Available, room.Held = 0, 0 })
	r.do("GET", "/wait/drop", "").must(t, 200, "Sold out")
	if to := r.do("GET", "/wait/nowhere?for=mug", "").must(t, 303); to.Header.Get("Location") != "/products/mug" {
		t.Errorf("a room that was closed leads to %s", to.Header.Get("Location"))
	}
	if to := r.do("GET", "/wait/nowhere?for=//evil.example", "").must(t, 303); to.Header.Get("Location") != "/" {
		t.Errorf("a room that was closed leads to %s", to.Header.Get("Location"))
	}
	if to := r.do("GET", "/wait/nowhere", "").must(t, 303); to.Header.Get("Location") != "/" {
		t.Errorf("a room that is not open leads to %s", to.Header.Get("Location"))
	}
}

func TestWaitingOfPrograms(t *testing.T) {
	r := newRoomFixture(t)
	r.client.Jar = nil
	put := func(header ...string) answered {
		return r.do("PUT", "/api/v1/carts/cart-1/lines/MUG-S", `{"quantity":1}`, header...)
	}
	put().must(t, 429, `"code":"waiting_room"`, `"room":"drop"`)
	if put().Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var q queueState
	read := func(a answered) queueState {
		q = queueState{}
		if err := json.Unmarshal([]byte(a.body), &q); err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := read(r.do("GET", "/api/v1/waiting-rooms/drop", "").must(t, 200)); q.Ticket != nil || q.Ahead != 5 || q.Turn {
		t.Errorf("without a ticket: %+v", q)
	}
	if read(r.do("POST", "/api/v1/waiting-rooms/drop/tickets", "").must(t, 201)); q.Ticket == nil || q.Number != 6 || q.Ahead != 5 || q.WaitSeconds != 1 || q.AskAgain < 2 || q.AskAgain > 4 {
		t.Fatalf("a new place: %+v", q)
	}
	ticket := *q.Ticket
	if read(r.do("POST", "/api/v1/waiting-rooms/drop/tickets", "", "Waiting-Ticket", ticket).must(t, 201)); *q.Ticket != ticket || r.arrived != 6 {
		t.Errorf("asked again with a ticket: %+v", q)
	}
	put("Waiting-Ticket", ticket).must(t, 429)
	r.change(func(room *api.Room) { room.Rate, room.Available = 0.01, 1000 })
	if read(r.do("GET", "/api/v1/waiting-rooms/drop", "", "Waiting-Ticket", ticket).must(t, 200)); q.AskAgain < 8 || q.WaitSeconds != 600 {
		t.Errorf("far back, with much left: %+v", q)
	}
	r.change(func(room *api.Room) { room.Admitted, room.Rate, room.Available = 6, 10, 3 })
	if read(r.do("GET", "/api/v1/waiting-rooms/drop", "", "Waiting-Ticket", ticket).must(t, 200)); !q.Turn || q.Ahead != 0 {
		t.Errorf("let in: %+v", q)
	}
	put("Waiting-Ticket", ticket).must(t, 200)
	put("Waiting-Ticket", strings.ToUpper(ticket)).must(t, 429)
	put("Waiting-Ticket", strings.Repeat("x", 4000)).must(t, 429)
	r.do("GET", "/api/v1/waiting-rooms/nowhere", "").must(t, 404)
	r.do("POST", "/api/v1/waiting-rooms/drop/tickets", `{"number":1}`).must(t, 422)
	r.change(func(room *api.Room) { room.Available = 0 })
	r.do("POST", "/api/v1/waiting-rooms/drop/tickets", "").must(t, 409, "out_of_stock")

	r.change(func(room *api.Room) { room.Product = "" })
	r.core.says("carts.checkout", api.NewError(api.CodeWaitingRoom, "wait"))
	r.do("POST", "/api/v1/carts/cart-1/checkout", `{}`, "Idempotency-Key", "k").must(t, 429, "waiting_room")
	if n := len(r.core.called("carts.checkout")); n > 0 {
		t.Errorf("%d checkouts reached the core before their turn", n)
	}
}

func TestWords(t *testing.T) {
	for seconds, want := range map[int64]string{1: "less than a minute", 60: "a minute", 150: "3 minutes", 7200: "2 hours"} {
		if got := minutes(seconds); got != want {
			t.Errorf("%d s are %q", seconds, got)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is %q", n, got)
		}
	}
}
