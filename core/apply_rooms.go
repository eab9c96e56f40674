package core

import (
	"slices"
	"time"

	"meridian/api"
)

// roomRec is a waiting room that is open. Who waits is not in it: only how many numbers were given out and let in.
type roomRec struct {
	ID      string `cbor:"1,keyasint"`
	Product string `cbor:"2,keyasint,omitempty"` // empty: the room guards all of the shop
	// RateMilli is how many are let in in 1,000 s. Measured: the leader sets it.
	RateMilli int64 `cbor:"3,keyasint"`
	Measured  bool  `cbor:"4,keyasint,omitempty"`
	TurnMS    int64 `cbor:"5,keyasint"`
	PerClient int   `cbor:"6,keyasint"`
	PerToken  int   `cbor:"7,keyasint"`
	// Opening is the index at which it was opened. Tickets of an earlier room of the same id name another.
	Opening  uint64 `cbor:"8,keyasint"`
	OpenedMS int64  `cbor:"9,keyasint"`
	Arrived  uint64 `cbor:"10,keyasint"`
	Admitted uint64 `cbor:"11,keyasint"`
	Over     uint64 `cbor:"12,keyasint"`
	// Credit is what may be let in at once, in millionths; it grows by RateMilli each millisecond.
	Credit int64 `cbor:"13,keyasint"`
	AtMS   int64 `cbor:"14,keyasint"` // log time up to which Credit counts
	// Marks say when whom was let in, the oldest first: turns end by them.
	Marks []roomMark `cbor:"15,keyasint,omitempty"`
}

// roomMark says that everybody up to Admitted had been let in at a time.
type roomMark struct {
	AtMS     int64  `cbor:"1,keyasint"`
	Admitted uint64 `cbor:"2,keyasint"`
}

const (
	// roomMarks is how finely turns are counted: one ends at most a sixteenth later than it says.
	roomMarks = 16
	// roomPauseMS is how many milliseconds' worth is let in at once after a pause of the leader, and roomSavedMS how much is saved up while
	// nobody waits.
	roomPauseMS = 1000
	roomSavedMS = 100
	onePlace    = 1_000_000
)

type (
	putRoomCmd struct {
		ID        string `cbor:"1,keyasint"`
		Product   string `cbor:"2,keyasint,omitempty"`
		RateMilli int64  `cbor:"3,keyasint"`
		Measured  bool   `cbor:"4,keyasint,omitempty"`
		TurnMS    int64  `cbor:"5,keyasint"`
		PerClient int    `cbor:"6,keyasint"`
		PerToken  int    `cbor:"7,keyasint"`
	}
	closeRoomCmd struct {
		ID string `cbor:"1,keyasint"`
	}
	arriveCmd struct {
		Rooms []arrivalRec `cbor:"1,keyasint"`
	}
	arrivalRec struct {
		Room    string `cbor:"1,keyasint"`
		Opening uint64 `cbor:"2,keyasint"`
		Count   uint64 `cbor:"3,keyasint"`
	}
	// admitCmd lets in whose turn it is, after setting the rates of measured rooms.
	admitCmd struct {
		Rates []roomRate `cbor:"1,keyasint,omitempty"`
	}
	roomRate struct {
		Room      string `cbor:"1,keyasint"`
		RateMilli int64  `cbor:"2,keyasint"`
	}
	// ticketRec is a place in a room, and comes with a reserve.
	ticketRec struct {
		Room    string `cbor:"1,keyasint"`
		Opening uint64 `cbor:"2,keyasint"`
		Number  uint64 `cbor:"3,keyasint"`
	}
)

func noRoom() *api.Error {
	return api.NewError(api.CodeNotFound, "There is no waiting room of this name. Nobody has to wait.")
}

// applyPutRoom opens a room or changes an open one.
func (m *Machine) applyPutRoom(c putRoomCmd) (any, int, *api.Error) {
	if _, ok := m.products.Get(c.Product); c.Product != "" && !ok {
		return nil, 0, api.Invalid("product", "There is no product %s. Create it, or leave product out to guard all of the shop.", c.Product)
	}
	r, open := m.rooms.Get(c.ID)
	if open && r.Product != c.Product {
		return nil, 0, api.NewError(api.CodeConflict, "This room is open for something else. Close it, or give the new one another id.")
	}
	status := 200
	if !open {
		if m.rooms.Len() >= api.MaxRooms {
			return nil, 0, api.NewError(api.CodeConflict, "%d rooms are open, which is as many as there may be. Close one.", api.MaxRooms)
		}
		status = 201
		r = roomRec{ID: c.ID, Product: c.Product, Opening: m.index, OpenedMS: m.now, AtMS: m.now, RateMilli: c.RateMilli}
	}
	r = r.advance(m.now)
	if !open || !c.Measured { // a rate that is measured goes on from where it is
		r.RateMilli = c.RateMilli
	}
	r.Measured, r.TurnMS, r.PerClient, r.PerToken = c.Measured, c.TurnMS, c.PerClient, c.PerToken
	m.rooms.Put(r.ID, r)
	return m.room(r), status, nil
}

func (m *Machine) applyCloseRoom(c closeRoomCmd) (any, int, *api.Error) {
	if _, ok := m.rooms.Get(c.ID); !ok {
		return nil, 0, noRoom()
	}
	m.rooms.Delete(c.ID)
	return api.None{}, 200, nil
}

// applyArrive gives out numbers.
func (m *Machine) applyArrive(c arriveCmd) (any, int, *api.Error) {
	out := api.Places{First: make([]uint64, len(c.Rooms))}
	for i, a := range c.Rooms {
		r, ok := m.rooms.Get(a.Room)
		if !ok || r.Opening != a.Opening {
			continue
		}
		out.First[i] = r.Arrived + 1
		r = r.advance(m.now) // what was saved up is for those who were here before
		r.Arrived += a.Count
		m.rooms.Put(r.ID, r.advance(m.now))
	}
	return out, 200, nil
}

func (m *Machine) applyAdmit(c admitCmd) (any, int, *api.Error) {
	for _, change := range c.Rates {
		if r, ok := m.rooms.Get(change.Room); ok && r.Measured {
			r = r.advance(m.now)
			r.RateMilli = change.RateMilli
			m.rooms.Put(r.ID, r)
		}
	}
	m.advanceRooms()
	return api.None{}, 200, nil
}

// advanceRooms lets in whose turn it is.
func (m *Machine) advanceRooms() {
	var all []roomRec
	m.rooms.Ascend("", func(_ string, r roomRec) bool { all = append(all, r); return true })
	for _, r := range all {
		if next := r.advance(m.now); next.Admitted != r.Admitted || next.Over != r.Over || next.AtMS-r.AtMS >= roomPauseMS {
			m.rooms.Put(r.ID, next)
		}
	}
}

// advance is the room at a later time: a token bucket filled by log time, so that every replica lets the same people in.
func (r roomRec) advance(now int64) roomRec {
	r.Credit += max(0, min(now-r.AtMS, roomPauseMS)) * r.RateMilli
	r.AtMS = max(r.AtMS, now)
	if n := min(uint64(r.Credit/onePlace), r.Arrived-r.Admitted); n > 0 {
		r.Admitted += n
		r.Credit -= int64(n) * onePlace
	}
	r.Credit = min(r.Credit, max(roomSavedMS*r.RateMilli, onePlace)) // only now: what is cut off here is lost
	return r.mark(now)
}

// mark notes how far the room is, and ends turns that are over.
func (r roomRec) mark(now int64) roomRec {
	last := roomMark{}
	if n := len(r.Marks); n > 0 {
		last = r.Marks[n-1]
	}
	if r.Admitted != last.Admitted && now-last.AtMS >= max(r.TurnMS/roomMarks, 1) {
		r.Marks = append(slices.Clone(r.Marks), roomMark{now, r.Admitted})
	}
	over := 0
	for over < len(r.Marks) && now-r.Marks[over].AtMS >= r.TurnMS {
		r.Over = max(r.Over, r.Marks[over].Admitted)
		over++
	}
	if over > 0 {
		r.Marks = slices.Clone(r.Marks[over:])
	}
	return r
}

// admits says whether it is a ticket's turn.
func (r roomRec) admits(t ticketRec) bool {
	return t.Room == r.ID && t.Opening == r.Opening && t.Number > r.Over && t.Number <= r.Admitted
}

// guard refuses a purchase whose turn it is not, or whose buyer has too many payments under way. room is the one that guards it, or "".
func (m *Machine) guard(priced []pricedLine, tickets []ticketRec, who buyer) (room string, refusal *api.Error) {
	if m.rooms.Len() == 0 || m.openDoors {
		return "", nil
	}
	m.rooms.Ascend("", func(id string, r roomRec) bool {
		guards := r.Product == "" || slices.ContainsFunc(priced, func(l pricedLine) bool { return l.ok && l.product.Handle == r.Product })
		if !guards {
			return true
		}
		room = id
		if !slices.ContainsFunc(tickets, r.admits) {
			refusal = waitYourTurn(id)
		} else {
			refusal = m.tooManyHolds(r, who)
		}
		return refusal == nil
	})
	return room, refusal
}

func waitYourTurn(room string) *api.Error {
	e := api.NewError(api.CodeWaitingRoom, "More people want this than can buy at once, so they take turns. Take a place in the waiting room %s; nothing was charged.", room)
	e.Room = room
	return e
}

// buyer is who pays, as far as a room counts it: hashes of the client's address and of the payment token.
type buyer struct{ client, token string }

// tooManyHolds refuses a buyer who has as many payments under way as the room allows. It looks at all open payments: those are few, since the
// room is what keeps them few.
func (m *Machine) tooManyHolds(r roomRec, who buyer) *api.Error {
	client, token := 0, 0
	m.open.Ascend("", func(_ string, o openRec) bool {
		if o.Kind == openPayment && o.Room == r.ID {
			if who.client != "" && o.Client == who.client {
				client++
			}
			if who.token != "" && o.Token == who.token {
				token++
			}
		}
		return true
	})
	if client < r.PerClient && token < r.PerToken {
		return nil
	}
	e := api.NewError(api.CodeRateLimited, "Other purchases of yours are being paid for right now. Wait for their outcome, then try again. Nothing was charged.")
	e.RetryAfter = 2
	return e
}

// room renders a room; the caller holds the tables' lock.
func (m *Machine) room(r roomRec) api.Room {
	v := api.Room{ID: r.ID, Product: r.Product, Rate: float64(r.RateMilli) / 1000, Measured: r.Measured, TurnSeconds: r.TurnMS / 1000,
		HoldsPerClient: r.PerClient, HoldsPerToken: r.PerToken, Opening: r.Opening, Arrived: r.Arrived, Admitted: r.Admitted, Over: r.Over,
		SKUs: []string{}, OpenedAt: time.UnixMilli(r.OpenedMS).UTC().Format(time.RFC3339)}
	if p, ok := m.products.Get(r.Product); ok && r.Product != "" {
		for _, x := range p.Variants {
			v.SKUs = append(v.SKUs, x.SKU)
			for _, l := range m.sellable(x.SKU) {
				v.Available += l.OnHand - l.Reserved
				v.Held += l.Reserved
			}
		}
	}
	return v
}
