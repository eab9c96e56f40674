package waiting

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/api"
)

// counter is a core that counts arrivals.
type counter struct {
	mu      sync.Mutex
	rooms   []api.Room
	at      api.Index
	looks   int
	arrived map[string]uint64
	reports int
	delay   time.Duration
	err     error
	short   bool
}

func (c *counter) Rooms(context.Context, api.Index) ([]api.Room, api.Index, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	return append([]api.Room(nil), c.rooms...), c.at, c.err
}

func (c *counter) Arrive(_ context.Context, rooms []api.Arrival) ([]uint64, error) {
	time.Sleep(c.delay)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports++
	if c.err != nil {
		return nil, c.err
	}
	var first []uint64
	for _, a := range rooms {
		if a.Opening != 7 {
			first = append(first, 0)
			continue
		}
		first = append(first, c.arrived[a.Room]+1)
		c.arrived[a.Room] += a.Count
	}
	if c.short {
		return nil, nil
	}
	return first, nil
}

func newCounter(rooms ...api.Room) *counter {
	return &counter{rooms: rooms, at: api.Index{Timeline: 1, Raft: 100}, arrived: map[string]uint64{}}
}

var secret = []byte("0123456789abcdef")

// TestNumbersOnTwoEdges: every number is given once, and who came a quarter of a second later on either edge has a higher one.
func TestNumbersOnTwoEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newCounter()
		core.delay = 80 * time.Millisecond
		edges := []*Rooms{New(Config{Core: core, Secret: secret}), New(Config{Core: core, Secret: secret})}
		room := &api.Room{ID: "drop", Opening: 7}
		var mu sync.Mutex
		came := map[uint64]time.Time{}
		var wg sync.WaitGroup
		for i := range 4000 {
			time.Sleep(time.Millisecond)
			at := time.Now()
			wg.Go(func() {
				ticket, err := edges[i%2].Arrive(t.Context(), room)
				mu.Lock()
				defer mu.Unlock()
				if err != nil || !came[ticket.Number].IsZero() {
					t.Errorf("number %d: given already, or %v", ticket.Number, err)
				}
				came[ticket.Number] = at
			})
		}
		wg.Wait()
		latest := time.Time{}
		for n := uint64(1); n <= 4000; n++ {
			if latest.Sub(came[n]) > 250*time.Millisecond {
				t.Fatalf("number %d came %v before somebody with a lower one", n, latest.Sub(came[n]))
			}
			if came[n].After(latest) {
				latest = came[n]
			}
		}
		if core.reports > 2*4000/50+2 {
			t.Errorf("%d reports for 4 s on two edges", core.reports)
		}
	})
}

func TestArriveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newCounter()
		r := New(Config{Core: core, Secret: secret})
		if _, err := r.Arrive(t.Context(), &api.Room{ID: "drop", Opening: 6}); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("a room that was closed: %v", err)
		}
		core.short = true
		if _, err := r.Arrive(t.Context(), &api.Room{ID: "drop", Opening: 7}); api.CodeOf(err) != api.CodeUnavailable {
			t.Errorf("a core that says nothing: %v", err)
		}
		core.err = api.NewError(api.CodeNoLeader, "nobody leads")
		if _, err := r.Arrive(t.Context(), &api.Room{ID: "drop", Opening: 7}); api.CodeOf(err) != api.CodeNoLeader {
			t.Errorf("without a leader: %v", err)
		}
		core.err, core.short, core.delay = nil, false, time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := r.Arrive(ctx, &api.Room{ID: "drop", Opening: 7}); api.CodeOf(err) != api.CodeUnavailable {
			t.Errorf("who does not wait: %v", err)
		}
		r.mu.Lock()
		r.next.counts[place{"drop", 7}] = reportMax
		r.mu.Unlock()
		if _, err := r.Arrive(t.Context(), &api.Room{ID: "drop", Opening: 7}); api.CodeOf(err) != api.CodeOverloaded {
			t.Errorf("one more than fit into a report: %v", err)
		}
		r.reports.Wait()
	})
}

// TestViewNeverGoesBack: a core that lags must not take a turn away, and one that fails must not open the doors.
func TestViewNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newCounter(api.Room{ID: "drop", Product: "mug", SKUs: []string{"MUG"}, Opening: 7, Arrived: 9, Admitted: 5, Over: 1})
		r := New(Config{Core: core, Secret: secret})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		synctest.Wait()
		if room := r.For("MUG"); room == nil || room.Admitted != 5 || r.For("OTHER") != nil || r.Shop() != nil {
			t.Fatalf("the view is %+v", room)
		}
		change := func(fn func()) {
			core.mu.Lock()
			fn()
			core.mu.Unlock()
			time.Sleep(2 * lookClosed)
		}
		old := core.rooms
		change(func() { core.rooms, core.at.Raft = nil, 99 })
		if r.ByID("drop") == nil {
			t.Error("a core that lags closed the room")
		}
		change(func() { core.rooms, core.at = old, api.Index{Timeline: 2, Raft: 50} })
		change(func() { core.err = errors.New("out of reach") })
		if r.ByID("drop") == nil {
			t.Error("the doors opened when the core could not be reached")
		}
		change(func() { core.err, core.rooms[0].Opening, core.rooms[0].Admitted = nil, 8, 0 })
		if room := r.ByID("drop"); room.Admitted != 0 {
			t.Errorf("opened anew it is %+v", room)
		}
		change(func() { core.rooms[0].Product, core.rooms[0].SKUs = "", nil })
		if r.For("ANY") == nil || r.Shop() == nil {
			t.Error("a room for the shop guards nothing")
		}
		change(func() { core.rooms = nil })
		if r.ByID("drop") != nil {
			t.Error("a room that was closed is still there")
		}
		stop()
		<-done
	})
}

func TestNilRoomsKnowNone(t *testing.T) {
	var r *Rooms
	if r.ByID("x") != nil || r.For("x") != nil || r.Shop() != nil || r.Client("x") != "" {
		t.Error("a nil *Rooms knows of rooms")
	}
}

func TestTurn(t *testing.T) {
	room := &api.Room{ID: "drop", Opening: 7, Arrived: 20, Admitted: 10, Over: 5}
	place := func(room string, opening, number uint64) api.Ticket {
		return api.Ticket{Room: room, Opening: opening, Number: number}
	}
	for _, c := range []struct {
		name      string
		tickets   []api.Ticket
		has, turn bool
	}{
		{"none", nil, false, false},
		{"of another room", []api.Ticket{place("else", 7, 6)}, false, false},
		{"of another opening", []api.Ticket{place("drop", 6, 6)}, false, false},
		{"over", []api.Ticket{place("drop", 7, 5)}, false, false},
		{"the first that counts", []api.Ticket{place("drop", 7, 6)}, true, true},
		{"the last let in", []api.Ticket{place("drop", 7, 10)}, true, true},
		{"the next", []api.Ticket{place("drop", 7, 11)}, true, false},
		{"two, one of which is let in", []api.Ticket{place("drop", 7, 12), place("drop", 7, 9)}, true, true},
	} {
		if _, has, turn := Turn(room, c.tickets); has != c.has || turn != c.turn {
			t.Errorf("%s: has %v, turn %v", c.name, has, turn)
		}
	}
}

func TestTickets(t *testing.T) {
	r, other := New(Config{Secret: secret}), New(Config{Secret: []byte("another secret..")})
	ticket := api.Ticket{Room: "spring-drop", Opening: 1 << 60, Number: 12345}
	text := r.Write(ticket)
	if got, ok := r.Read(text); !ok || got != ticket || len(text) > MaxTicket {
		t.Fatalf("%s is read as %+v", text, got)
	}
	if _, ok := other.Read(text); ok {
		t.Error("a ticket of another shop is taken")
	}
	for i := range text {
		b := []byte(text)
		b[i] ^= 1
		if _, ok := r.Read(string(b)); ok {
			t.Errorf("a ticket with byte %d changed is taken", i)
		}
	}
	if r.Client("2001:db8::1") != r.Client("2001:db8::ffff") || r.Client("2001:db8::1") == r.Client("2001:db8:0:1::1") || r.Client("192.0.2.1") == r.Client("192.0.2.2") {
		t.Error("clients are not told apart by address and network")
	}
}

func FuzzTicket(f *testing.F) {
	r := New(Config{Secret: secret})
	f.Add("")
	f.Add("a.b.c.d")
	f.Add(r.Write(api.Ticket{Room: "drop", Opening: 7, Number: 1}))
	f.Fuzz(func(t *testing.T, text string) {
		if ticket, ok := r.Read(text); ok && r.Write(ticket) != text {
			t.Errorf("%q is read as %+v, which is written as %q", text, ticket, r.Write(ticket))
		}
	})
}

// TestFindLooksAnew: who has a ticket of a room that this edge has not seen yet is not told that nobody has to wait.
func TestFindLooksAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := newCounter()
		r := New(Config{Core: core, Secret: secret})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		defer func() { stop(); <-done }()
		synctest.Wait()
		core.mu.Lock()
		core.rooms, core.at.Raft = []api.Room{{ID: "drop", Opening: 120}}, 130
		core.mu.Unlock()
		of := func(opening uint64) []api.Ticket { return []api.Ticket{{Room: "drop", Opening: opening, Number: 1}} }
		find := func(tickets []api.Ticket, at api.Index) (room *api.Room, looks int) {
			before := core.looks
			room = r.Find(ctx, "drop", tickets, at)
			return room, core.looks - before
		}
		if room, looks := find(of(90), api.Index{Timeline: 1, Raft: 100}); room != nil || looks != 0 {
			t.Errorf("for what is older than the view: %+v after %d looks", room, looks)
		}
		core.err = errors.New("out of reach")
		if room, looks := find(of(120), api.Index{}); room != nil || looks != 1 {
			t.Errorf("when the core cannot be reached: %+v after %d looks", room, looks)
		}
		core.err = nil
		if room, looks := find(of(120), api.Index{}); room == nil || looks != 1 {
			t.Errorf("with a ticket: %+v after %d looks", room, looks)
		}
		core.rooms, core.at.Raft = []api.Room{{ID: "drop", Opening: 140}}, 150
		if room, looks := find(of(120), api.Index{Timeline: 1, Raft: 150}); room.Opening != 120 || looks != 0 {
			t.Errorf("with an old ticket of a room that is seen: %+v after %d looks", room, looks)
		}
		if room, looks := find(of(140), api.Index{}); room.Opening != 140 || looks != 1 {
			t.Errorf("with a ticket of a later opening: %+v after %d looks", room, looks)
		}
		core.rooms, core.at.Raft = nil, 160
		r.Reach(ctx, api.Index{Timeline: 1, Raft: 160})
		if room, looks := find(of(140), api.Index{}); room != nil || looks != 0 {
			t.Errorf("after it was closed: %+v after %d looks", room, looks)
		}
	})
}
