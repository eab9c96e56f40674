package edge

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"meridian/api"
	"meridian/edge/waiting"
)

// queueState is where somebody is in a waiting room.
type queueState struct {
	Room    string `json:"room"`
	Product string `json:"product"`
	// Ticket is what says so, for the header Waiting-Ticket; null without a place.
	Ticket *string `json:"ticket"`
	Number uint64  `json:"number"`
	// Ahead is how many are let in before this client; Turn says that nobody is, and that they may buy.
	Ahead uint64 `json:"ahead"`
	Turn  bool   `json:"turn"`
	// Rate is how many are let in a second, WaitSeconds how long it takes at that rate.
	Rate        float64 `json:"rate"`
	WaitSeconds int64   `json:"wait_seconds"`
	// AskAgain is in how many seconds something may have changed.
	AskAgain int  `json:"ask_again_seconds"`
	SoldOut  bool `json:"sold_out"`
}

const ticketBodyMax = 1 << 10

func (s *Shop) waitingOperations() []operation {
	return []operation{
		{Route: Route{Method: "GET", Pattern: "/api/v1/waiting-rooms/{room}", Class: Private, Handler: s.getQueue},
			ID: "getWaitingRoom", Summary: "How far a waiting room is, and where in it the ticket in Waiting-Ticket (or in the cookie) is", Result: queueState{}},
		{Route: Route{Method: "POST", Pattern: "/api/v1/waiting-rooms/{room}/tickets", Class: Private, MaxBody: ticketBodyMax, Limit: CountCartWrite, Handler: s.postTicket},
			ID: "takePlace", Summary: "Take a place in a waiting room; who has one already gets that again", Result: queueState{}, Status: 201},
	}
}

// soonGone is the seconds before nothing is left, at the room's rate, in which those who wait look often.
const soonGone = 15

// maxTickets bounds the places a browser keeps.
const maxTickets = 4

// tickets are the places that a client has: by its header, and by its cookies.
func (s *Shop) tickets(r *Request) (all []api.Ticket) {
	if s.cfg.Rooms == nil {
		return nil
	}
	written := r.Jar.Tickets[:min(len(r.Jar.Tickets), maxTickets)]
	if r.Ticket != "" {
		written = append(slices.Clip(written), r.Ticket)
	}
	for _, w := range written {
		if t, ok := s.cfg.Rooms.Read(w); ok {
			all = append(all, t)
		}
	}
	return all
}

// turn says that a client need not wait, or has waited. The room may be nil: then nobody waits.
func (s *Shop) turn(r *Request, room *api.Room) bool {
	if room == nil {
		return true
	}
	_, _, turn := waiting.Turn(room, s.tickets(r))
	return turn
}

// mustWait refuses a program whose turn it is not.
func (s *Shop) mustWait(r *Request, room *api.Room) error {
	if s.turn(r, room) {
		return nil
	}
	e := api.NewError(api.CodeWaitingRoom, "Others are before you. POST /api/v1/waiting-rooms/%s/tickets gives you a place.", room.ID)
	e.Room, e.RetryAfter = room.ID, s.queue(r, room).AskAgain
	return e
}

// queue says where a client is.
func (s *Shop) queue(r *Request, room *api.Room) queueState {
	q := queueState{Room: room.ID, Product: room.Product, Rate: room.Rate, SoldOut: room.SoldOut()}
	t, has, turn := waiting.Turn(room, s.tickets(r))
	behind := room.Arrived + 1
	if has {
		w := s.cfg.Rooms.Write(t)
		q.Ticket, q.Number, q.Turn, behind = &w, t.Number, turn, t.Number
	}
	if !turn {
		q.Ahead = behind - min(behind, room.Admitted+1)
		q.WaitSeconds = int64(math.Ceil(float64(q.Ahead+1) / max(room.Rate, 0.001)))
	}
	// Who is far back looks more seldom, until what is left will be gone within soonGone: then everybody is to hear of it at once. Not all in
	// the same moment.
	wait := min(max(q.WaitSeconds/10, 2), 8)
	if room.Product != "" && float64(room.Available) <= room.Rate*soonGone {
		wait = 2
	}
	q.AskAgain = int(wait) + rand.IntN(3)
	return q
}

// room is the one that the address names.
func (s *Shop) room(ctx context.Context, r *Request) (*api.Room, error) {
	room := s.cfg.Rooms.Find(ctx, r.Params["room"], s.tickets(r), r.Call.Min)
	if room == nil {
		return nil, notFound("No waiting room of this name is open: nobody has to wait.")
	}
	return room, nil
}

func (s *Shop) getQueue(ctx context.Context, r *Request) (*Answer, error) {
	room, err := s.room(ctx, r)
	if err != nil {
		return nil, err
	}
	return reply(s.private(r).answer(), 200, s.queue(r, room))
}

func (s *Shop) postTicket(ctx context.Context, r *Request) (*Answer, error) {
	var body struct{}
	if err := decodeOptional(r.Body, &body); err != nil {
		return nil, err
	}
	room, err := s.room(ctx, r)
	if err != nil {
		return nil, err
	}
	a := s.private(r).answer()
	if err := s.takePlace(ctx, r, a, room); err != nil {
		return nil, err
	}
	return reply(a, 201, s.queue(&Request{Jar: *a.jar(r), Ticket: r.Ticket}, room))
}

// takePlace puts a new ticket into the answer's jar, unless the client has a place or nothing is left to wait for.
func (s *Shop) takePlace(ctx context.Context, r *Request, a *Answer, room *api.Room) error {
	if _, has, _ := waiting.Turn(room, s.tickets(r)); has {
		return nil
	}
	if room.SoldOut() {
		return api.NewError(api.CodeOutOfStock, "Nothing is left of this, and nothing is being paid for any more. There is nothing to wait for.")
	}
	t, err := s.cfg.Rooms.Arrive(ctx, room)
	if err != nil {
		return err
	}
	j := a.jar(r)
	kept := []string{s.cfg.Rooms.Write(t)}
	for _, w := range j.Tickets { // places in rooms that are closed, or whose turn is over, are none
		old, ok := s.cfg.Rooms.Read(w)
		other := s.cfg.Rooms.ByID(old.Room)
		if ok && other != nil && other.ID != room.ID && other.Opening == old.Opening && old.Number > other.Over && len(kept) < maxTickets {
			kept = append(kept, w)
		}
	}
	j.Tickets = kept
	return nil
}
