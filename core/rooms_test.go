package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"meridian/api"
)

// room opens a waiting room for the product of a SKU.
func (s *shop) room(id, product string, rate float64, change ...func(*api.PutRoom)) api.Room {
	s.t.Helper()
	req := api.PutRoom{ID: id, Product: product, Rate: rate}
	for _, fn := range change {
		fn(&req)
	}
	return get(s, api.RoomsPut, req, s.staffCall(""))
}

// arrive takes n places in a room and gives the first number.
func (s *shop) arrive(r api.Room, n uint64) uint64 {
	s.t.Helper()
	return get(s, api.RoomsArrive, api.Arrivals{Edge: "edge-eu", Rooms: []api.Arrival{{Room: r.ID, Opening: r.Opening, Count: n}}}, api.Call{}).First[0]
}

func (s *shop) roomNow(id string) api.Room {
	s.t.Helper()
	for _, r := range get(s, api.RoomsList, api.None{}, api.Call{}).Items {
		if r.ID == id {
			return r
		}
	}
	s.t.Fatalf("the room %s is not open", id)
	return api.Room{}
}

// leads makes the core do what a leader does, until the test ends.
func (s *shop) leads() {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.service.Lead(ctx) })
	s.t.Cleanup(func() { stop(); wg.Wait() })
}

// withTicket is a purchase by somebody with a place in a room.
func withTicket(cart, token string, r api.Room, number uint64, client string) api.CheckoutRequest {
	req := purchase(cart, token)
	req.Tickets, req.Client = []api.Ticket{{Room: r.ID, Opening: r.Opening, Number: number}}, client
	return req
}

// TestRoomGuards: only whose turn it is buys, whatever an edge thinks.
func TestRoomGuards(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 50)
	s.mugs("B", 5)
	r := s.room("drop", "mug-a", 0.001)
	if r.Opening == 0 || r.TurnSeconds != 600 || r.HoldsPerClient != 5 || r.HoldsPerToken != 2 || len(r.SKUs) != 1 || r.Available != 50 {
		t.Errorf("opened as %+v", r)
	}
	first := s.arrive(r, 3)
	if first != 1 || s.arrive(r, 1) != 4 {
		t.Errorf("the numbers begin at %d", first)
	}
	e := refused(s, api.CodeWaitingRoom, api.CheckoutCart, purchase(s.cart("A", 1).ID, "tok_ok"), api.Call{Key: "none"})
	if e.Room != "drop" || e.Status != 429 || e.RetryAfter == 0 {
		t.Errorf("without a ticket: %+v", e)
	}
	if o := get(s, api.CheckoutCart, purchase(s.cart("B", 1).ID, "tok_ok"), api.Call{Key: "other"}); o.Status != api.OrderPaid {
		t.Errorf("what no room guards: %+v", o)
	}
	early := s.cart("A", 1)
	refused(s, api.CodeWaitingRoom, api.CheckoutCart, withTicket(early.ID, "tok_ok", r, 2, "c"), api.Call{Key: "early"})
	refused(s, api.CodeWaitingRoom, api.CheckoutCart, withTicket(early.ID, "tok_ok", r, 99, "c"), api.Call{Key: "invented"})
	was := r
	was.Opening--
	refused(s, api.CodeWaitingRoom, api.CheckoutCart, withTicket(early.ID, "tok_ok", was, 1, "c"), api.Call{Key: "of another opening"})
	s.wantStock("A", 50, 0)

	s.room("drop", "mug-a", 1000) // faster: nobody loses their place
	s.leads()
	eventually(t, "everybody to be let in", func() bool { return s.roomNow("drop").Admitted == 4 })
	if o := get(s, api.CheckoutCart, withTicket(early.ID, "tok_ok", r, 2, "c"), api.Call{Key: "early"}); o.Status != api.OrderPaid {
		t.Errorf("the same key when it is their turn: %+v", o)
	}
	get(s, api.RoomsClose, api.RoomID{ID: "drop"}, s.staffCall(""))
	if o := get(s, api.CheckoutCart, purchase(s.cart("A", 1).ID, "tok_ok"), api.Call{Key: "closed"}); o.Status != api.OrderPaid {
		t.Errorf("after it was closed: %+v", o)
	}
	if again := s.room("drop", "mug-a", 1); again.Opening == r.Opening || again.Arrived != 0 {
		t.Errorf("opened again it is %+v", again)
	}
	if p := get(s, api.RoomsArrive, api.Arrivals{Edge: "edge-eu", Rooms: []api.Arrival{{Room: "drop", Opening: r.Opening, Count: 1}}}, api.Call{}); p.First[0] != 0 {
		t.Errorf("arrived in a room that is closed: %+v", p)
	}
}

// TestGateRooms: without the core's own look at tickets, somebody without one buys.
func TestGateRooms(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	s.room("drop", "mug-a", 1)
	s.machine.OpenDoors()
	if o := get(s, api.CheckoutCart, purchase(s.cart("A", 1).ID, "tok_ok"), api.Call{Key: "none"}); o.Status != api.OrderPaid {
		t.Errorf("the gate shows nothing: %+v", o)
	}
}

func TestRoomOfTheShopGuardsAll(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	r := s.room("all", "", 1000)
	refused(s, api.CodeWaitingRoom, api.CheckoutCart, purchase(s.cart("A", 1).ID, "tok_ok"), api.Call{Key: "none"})
	n := s.arrive(r, 1)
	s.leads()
	eventually(t, "the turn", func() bool { return s.roomNow("all").Admitted >= n })
	get(s, api.CheckoutCart, withTicket(s.cart("A", 1).ID, "tok_ok", r, n, "c"), api.Call{Key: "mine"})
}

// TestRoomHolds: payments under way are counted for each client and each payment token.
func TestRoomHolds(t *testing.T) {
	for _, c := range []struct {
		name                string
		perClient, perToken int
	}{{"client", 2, 100}, {"token", 100, 2}} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.mugs("A", 50)
			r := s.room("drop", "mug-a", 100_000, func(p *api.PutRoom) { p.HoldsPerClient, p.HoldsPerToken = c.perClient, c.perToken })
			n := s.arrive(r, 100)
			s.leads()
			eventually(t, "the turn", func() bool { return s.roomNow("drop").Admitted == n+99 })
			var mu sync.Mutex
			codes := map[api.Code]int{}
			var wg sync.WaitGroup
			for i := range 12 {
				cart := s.cart("A", 1)
				wg.Go(func() {
					_, _, err := ask(s, api.CheckoutCart, withTicket(cart.ID, "tok_slow", r, n+uint64(i), "one client"), api.Call{Key: keyN(i)})
					mu.Lock()
					codes[api.CodeOf(err)]++
					mu.Unlock()
				})
			}
			wg.Wait()
			if codes[""] < 2 || codes[api.CodeRateLimited] < 1 || codes[""]+codes[api.CodeRateLimited] != 12 {
				t.Errorf("of twelve at once: %v", codes)
			}
			// Those that were paid hold nothing any more.
			get(s, api.CheckoutCart, withTicket(s.cart("A", 1).ID, "tok_slow", r, n+50, "one client"), api.Call{Key: "later"})
		})
	}
}

func TestRoomSettings(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	for name, bad := range map[string]api.PutRoom{
		"id":         {ID: "Drop!", Rate: 1},
		"no product": {ID: "drop", Product: "mug-z", Rate: 1},
		"rate":       {ID: "drop", Rate: -1},
		"fast":       {ID: "drop", Rate: 1e9},
		"turn":       {ID: "drop", Rate: 1, TurnSeconds: 1},
		"holds":      {ID: "drop", Rate: 1, HoldsPerToken: -1},
	} {
		if e := refused(s, api.CodeInvalid, api.RoomsPut, bad, s.staffCall("")); len(e.Errors) == 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	refused(s, api.CodeUnauthorized, api.RoomsPut, api.PutRoom{ID: "drop", Rate: 1}, api.Call{})
	refused(s, api.CodeNotFound, api.RoomsClose, api.RoomID{ID: "drop"}, s.staffCall(""))
	s.room("drop", "mug-a", 1)
	refused(s, api.CodeConflict, api.RoomsPut, api.PutRoom{ID: "drop", Rate: 1}, s.staffCall("")) // for something else
	for i := range api.MaxRooms - 1 {
		s.room(fmt.Sprintf("r%d", i), "mug-a", 0)
	}
	refused(s, api.CodeConflict, api.RoomsPut, api.PutRoom{ID: "one-more", Rate: 1}, s.staffCall(""))
	for name, bad := range map[string]api.Arrivals{"edge": {Edge: "Ä", Rooms: []api.Arrival{{Room: "drop", Count: 1}}}, "none": {Edge: "e"},
		"nobody": {Edge: "e", Rooms: []api.Arrival{{Room: "drop"}}}, "all the world": {Edge: "e", Rooms: []api.Arrival{{Room: "drop", Count: 1 << 40}}}} {
		if _, _, err := ask(s, api.RoomsArrive, bad, api.Call{}); api.CodeOf(err) != api.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoomIsTheSameOnEveryReplica: the log of a room, applied by another machine, gives the same state.
func TestRoomIsTheSameOnEveryReplica(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 500)
	r := s.room("drop", "mug-a", 200, func(p *api.PutRoom) { p.TurnSeconds = 10 })
	s.leads()
	for range 5 {
		s.arrive(r, 20)
		<-time.After(30 * time.Millisecond)
	}
	eventually(t, "everybody to be let in", func() bool { return s.roomNow("drop").Admitted == 100 })
	other := openMachine(t, t.TempDir()+"/state.db")
	defer other.Close()
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, e := range s.log.entries {
		other.Apply(e.index, 1, e.head, e.commands)
	}
	if s.machine.Hash() != other.Hash() {
		t.Error("the replicas differ")
	}
}
