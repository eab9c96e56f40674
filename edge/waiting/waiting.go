// Package waiting is an edge's part of the waiting rooms: it knows which rooms are open and how far they are, gives numbers to those who
// arrive, and signs the tickets that say so. The core counts; it does not know who waits.
package waiting

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"meridian/api"
	"meridian/api/coreclient"
)

const (
	// gather is how long arrivals are gathered for one report.
	gather = 50 * time.Millisecond
	// reportMax bounds the arrivals of one report, for each room.
	reportMax = 50_000
	// reportTimeout bounds how long somebody who arrives waits for a number.
	reportTimeout = 5 * time.Second
	// lookOpen and lookClosed are how often the rooms are looked at, with one open and with none.
	lookOpen, lookClosed = 200 * time.Millisecond, time.Second
)

// Core is what the rooms ask of the core.
type Core interface {
	// Rooms lists the rooms that are open at an index, which is at least min.
	Rooms(ctx context.Context, min api.Index) ([]api.Room, api.Index, error)
	// Arrive reports arrivals and answers with the first number of each, 0 where the room is not open.
	Arrive(ctx context.Context, rooms []api.Arrival) ([]uint64, error)
}

// Config sets up Rooms.
type Config struct {
	Core Core
	// Secret signs the tickets: the same on every edge. At least 16 bytes.
	Secret []byte
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Rooms are the waiting rooms as an edge sees them. A nil *Rooms knows of none.
type Rooms struct {
	signer
	core  Core
	log   *slog.Logger
	view  atomic.Pointer[view]
	looks singleflight.Group

	mu      sync.Mutex // guards next, and replacing view
	next    *report    // being gathered, or nil
	reports sync.WaitGroup
}

// view is what was seen last. It is never changed.
type view struct {
	at    api.Index
	list  []api.Room
	byID  map[string]*api.Room
	bySKU map[string]*api.Room
	shop  *api.Room // the first room that guards all of the shop
}

// report gathers arrivals; counts may be changed only while it is Rooms.next.
type report struct {
	counts map[place]uint64
	done   chan struct{}
	first  map[place]uint64
	err    error
}

type place struct {
	room    string
	opening uint64
}

// New makes Rooms that know of none until Run has looked.
func New(cfg Config) *Rooms {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	r := &Rooms{signer: signer{slices.Clone(cfg.Secret)}, core: cfg.Core, log: cfg.Logger}
	r.view.Store(&view{})
	return r
}

// Run looks at the rooms until ctx ends, and returns when every report has its answer.
func (r *Rooms) Run(ctx context.Context) {
	defer r.reports.Wait()
	failing := false
	for {
		err := r.look(ctx, api.Index{})
		switch {
		case err == nil:
			failing = false
		case ctx.Err() == nil && !failing:
			r.log.Warn("the waiting rooms are not known anew; they are held as they were", "error", err)
			failing = true
		}
		every := lookClosed
		if len(r.view.Load().list) > 0 {
			every = lookOpen
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// look asks the core and replaces the view, unless a core that lags has answered: a room never goes back.
func (r *Rooms) look(ctx context.Context, min api.Index) error {
	list, at, err := r.core.Rooms(ctx, min)
	if err != nil {
		return err
	}
	v := &view{at: at, list: slices.Clone(list), byID: map[string]*api.Room{}, bySKU: map[string]*api.Room{}}
	for i := range v.list {
		room := &v.list[i]
		v.byID[room.ID] = room
		for _, sku := range room.SKUs {
			if v.bySKU[sku] == nil {
				v.bySKU[sku] = room
			}
		}
		if room.Product == "" && v.shop == nil {
			v.shop = room
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if api.Max(at, r.view.Load().at) == at {
		r.view.Store(v)
	}
	return nil
}

// Reach brings the view up to an index if it is older. If the core cannot say, the view stays as it is.
func (r *Rooms) Reach(ctx context.Context, at api.Index) {
	if r == nil || r.view.Load().covers(at) {
		return
	}
	done := r.looks.DoChan(at.String(), func() (any, error) {
		if r.view.Load().covers(at) {
			return nil, nil
		}
		return nil, r.look(context.WithoutCancel(ctx), at)
	})
	select {
	case <-ctx.Done():
	case <-done:
	}
}

func (v *view) covers(at api.Index) bool { return api.Max(v.at, at) == v.at }

// Find is ByID for a client who may have seen more than this edge, in an answer of index at or in tickets: the edge looks anew before it denies
// that there is such a room.
func (r *Rooms) Find(ctx context.Context, id string, tickets []api.Ticket, at api.Index) *api.Room {
	room := r.ByID(id)
	if r == nil || room != nil && !slices.ContainsFunc(tickets, func(t api.Ticket) bool { return t.Room == id && t.Opening > room.Opening }) {
		return room
	}
	for _, t := range tickets {
		if t.Room == id {
			at = api.Max(at, api.Index{Timeline: r.view.Load().at.Timeline, Raft: t.Opening})
		}
	}
	r.Reach(ctx, at)
	return r.ByID(id)
}

// ByID is an open room, nil if there is none of that id. What is returned is never changed.
func (r *Rooms) ByID(id string) *api.Room {
	if r == nil {
		return nil
	}
	return r.view.Load().byID[id]
}

// For is the room that guards a SKU, or all of the shop; nil: nobody has to wait.
func (r *Rooms) For(sku string) *api.Room {
	if r == nil {
		return nil
	}
	v := r.view.Load()
	if room := v.bySKU[sku]; room != nil {
		return room
	}
	return v.shop
}

// Shop is the room that guards all of the shop, or nil.
func (r *Rooms) Shop() *api.Room {
	if r == nil {
		return nil
	}
	return r.view.Load().shop
}

// Turn is the room's answer to some tickets: the one that counts there, and whether its turn has come.
func Turn(room *api.Room, tickets []api.Ticket) (t api.Ticket, has, turn bool) {
	for _, x := range tickets {
		if x.Room != room.ID || x.Opening != room.Opening || x.Number <= room.Over {
			continue
		}
		if !has || x.Number < t.Number {
			t, has = x, true
		}
	}
	return t, has, has && t.Number <= room.Admitted
}

// Arrive gives the next number of a room. It waits until the core has counted those who arrived at the same time.
func (r *Rooms) Arrive(ctx context.Context, room *api.Room) (api.Ticket, error) {
	at := place{room.ID, room.Opening}
	r.mu.Lock()
	if r.next == nil {
		r.next = &report{counts: map[place]uint64{}, done: make(chan struct{})}
		r.reports.Add(1)
		go r.send(r.next)
	}
	rep := r.next
	mine := rep.counts[at]
	if mine >= reportMax {
		r.mu.Unlock()
		return api.Ticket{}, api.NewError(api.CodeOverloaded, "Very many people arrive at this moment. Try again in a second.")
	}
	rep.counts[at]++
	r.mu.Unlock()
	select {
	case <-ctx.Done():
		return api.Ticket{}, api.NewError(api.CodeUnavailable, "You have no number yet. Try again in a moment.").WithCause(ctx.Err())
	case <-rep.done:
	}
	if rep.err != nil {
		return api.Ticket{}, rep.err
	}
	// They leave one after the other until the next report: all at once they would hold up whoever asks for a page at this moment, and,
	// asking again after whole seconds, they would all come back together.
	time.Sleep(gather * time.Duration(mine) / time.Duration(rep.counts[at]))
	if rep.first[at] == 0 {
		return api.Ticket{}, api.NewError(api.CodeNotFound, "This waiting room has been closed: nobody has to wait any more.")
	}
	return api.Ticket{Room: at.room, Opening: at.opening, Number: rep.first[at] + mine}, nil
}

// send waits a moment for company and reports.
func (r *Rooms) send(rep *report) {
	defer r.reports.Done()
	time.Sleep(gather)
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	places := slices.Collect(maps.Keys(rep.counts))
	ask := make([]api.Arrival, len(places))
	for i, p := range places {
		ask[i] = api.Arrival{Room: p.room, Opening: p.opening, Count: rep.counts[p]}
	}
	ctx, cancel := context.WithTimeout(context.Background(), reportTimeout)
	defer cancel()
	first, err := r.core.Arrive(ctx, ask)
	if err == nil && len(first) != len(places) {
		err = api.NewError(api.CodeUnavailable, "You have no number yet. Try again in a moment.")
	}
	rep.err = err
	rep.first = map[place]uint64{}
	for i := range min(len(first), len(places)) {
		rep.first[places[i]] = first[i]
	}
	close(rep.done)
}

// Cores are the rooms of a cluster of cores.
type Cores struct {
	Client *coreclient.Client
	Edge   string
}

var _ Core = Cores{}

// Rooms implements Core.
func (c Cores) Rooms(ctx context.Context, min api.Index) ([]api.Room, api.Index, error) {
	list, meta, err := coreclient.Do(ctx, c.Client, api.RoomsList, api.None{}, api.Call{Edge: c.Edge, Min: min})
	return list.Items, meta.Index, err
}

// Arrive implements Core.
func (c Cores) Arrive(ctx context.Context, rooms []api.Arrival) ([]uint64, error) {
	places, _, err := coreclient.Do(ctx, c.Client, api.RoomsArrive, api.Arrivals{Edge: c.Edge, Rooms: rooms}, api.Call{Edge: c.Edge})
	return places.First, err
}
