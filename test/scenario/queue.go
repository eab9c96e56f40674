package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meridian/api"
)

// place is where somebody is in a waiting room.
type place struct {
	Ticket  string `json:"ticket"`
	Number  uint64 `json:"number"`
	Turn    bool   `json:"turn"`
	SoldOut bool   `json:"sold_out"`
}

// Queue lets buyers at every edge take places in a waiting room and buy when it is their turn, one unit each: no number is given twice,
// nobody buys before their turn or without one, all units are sold and no more, and whoever gets none is told.
func (s *Shop) Queue(r Race) {
	s.T.Helper()
	run := fmt.Sprintf("%x", time.Now().UnixNano())
	room, sku := "room-"+run, "ROOM-"+run
	s.PutProduct("room-"+run, sku, 1900, r.Units)
	early := s.carts(len(s.Edges), sku) // from before there was a room
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	open := Request{Method: "PUT", URL: s.Edges[0] + "/admin/api/v1/waiting-rooms/" + room, Token: s.Staff, Key: run,
		Body: map[string]any{"product": "room-" + run, "rate": 40, "holds_per_client": 1000, "holds_per_token": 1000}}
	if err := s.Persist(ctx, open, nil); err != nil {
		s.T.Fatalf("open a room: %v %+v", err, api.AsError(err).Errors)
	}
	for i, cart := range early {
		s.mustWait(ctx, s.Checkout(i, cart.ID, fmt.Sprintf("%s-early-%d", run, i), "tok_ok"), room)
	}
	var wg sync.WaitGroup
	var midway sync.Once
	var decided, paid, without atomic.Int64
	var mu sync.Mutex
	numbers := map[uint64]int{}
	orders := make([]api.Order, r.Buyers)
	for i := range r.Buyers {
		wg.Go(func() {
			p, err := s.takePlace(ctx, i, room)
			if err == nil && p.Number > 0 {
				mu.Lock()
				if other, given := numbers[p.Number]; given {
					s.T.Errorf("number %d was given to buyers %d and %d", p.Number, other, i)
				}
				numbers[p.Number] = i
				mu.Unlock()
				err = s.buyInTurn(ctx, i, room, sku, fmt.Sprintf("%s-%d", run, i), p, &orders[i])
			}
			switch {
			case err == nil && orders[i].Status == api.OrderPaid:
				paid.Add(1)
			case err == nil || api.CodeOf(err) == api.CodeOutOfStock:
				without.Add(1)
			default:
				s.T.Errorf("buyer %d: %v", i, err)
			}
			if decided.Add(1) >= int64(r.Buyers/10) && r.Midway != nil {
				midway.Do(r.Midway)
			}
		})
	}
	wg.Wait()
	want := min(r.Units, int64(r.Buyers))
	if paid.Load() != want || without.Load() != int64(r.Buyers)-want {
		s.T.Errorf("%d paid, %d were told that nothing is left; want %d and %d", paid.Load(), without.Load(), want, int64(r.Buyers)-want)
	}
	if l := s.Stock(0, sku); l.OnHand != r.Units-want || l.Reserved != 0 {
		s.T.Errorf("stock after the sale: %+v", l)
	}
	for i, o := range orders {
		if o.ID != "" {
			s.chargedOnce(i, o)
		}
	}
	if err := s.Persist(ctx, Request{Method: "DELETE", URL: s.Edges[0] + "/admin/api/v1/waiting-rooms/" + room, Token: s.Staff, Key: run + "-close"}, nil); err != nil {
		s.T.Errorf("close the room: %v", err)
	}
}

// takePlace takes a place at an edge, which may not have heard of the room yet. No place: nothing is left.
func (s *Shop) takePlace(ctx context.Context, i int, room string) (p place, err error) {
	for {
		_, err = s.Do(ctx, Request{Method: "POST", URL: s.Edge(i) + "/api/v1/waiting-rooms/" + room + "/tickets"}, &p)
		var e *api.Error
		if err == nil || errors.As(err, &e) && e.Code == api.CodeOutOfStock {
			return p, nil
		}
		if errors.As(err, &e) && e.Code != api.CodeNotFound && !e.Transient() {
			return p, err
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("no place: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// buyInTurn waits and buys. nil without an order: nothing was left.
func (s *Shop) buyInTurn(ctx context.Context, i int, room, sku, key string, p place, into *api.Order) error {
	ticket := map[string]string{"Waiting-Ticket": p.Ticket}
	for !p.Turn {
		if p.SoldOut {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("waited in vain for a turn")
		case <-time.After(50 * time.Millisecond):
		}
		// At another edge than the one that gave the ticket.
		if _, err := s.Do(ctx, Request{Method: "GET", URL: s.Edge(i+1) + "/api/v1/waiting-rooms/" + room, Header: ticket}, &p); err != nil {
			return err
		}
	}
	cart := api.Cart{}
	if err := s.Persist(ctx, Request{Method: "POST", URL: s.Edge(i) + "/api/v1/carts", Key: key + "-cart", Body: map[string]any{}}, &cart); err != nil {
		return err
	}
	if err := s.Persist(ctx, Request{Method: "PUT", URL: s.Edge(i) + "/api/v1/carts/" + cart.ID + "/lines/" + sku, Key: key + "-line", Header: ticket, Body: map[string]any{"quantity": 1}}, nil); err != nil {
		return err
	}
	buy := s.Checkout(i, cart.ID, key, "tok_ok")
	buy.Header = ticket
	return s.Persist(ctx, buy, into)
}

// mustWait verifies that a purchase is refused for its turn's sake.
func (s *Shop) mustWait(ctx context.Context, r Request, room string) {
	s.T.Helper()
	_, err := s.Do(ctx, r, nil)
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeWaitingRoom || e.Room != room || e.Status != http.StatusTooManyRequests {
		s.T.Errorf("without a turn: %v", err)
	}
}
