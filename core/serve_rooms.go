package core

import (
	"context"
	"math"

	"meridian/api"
)

// The settings of a room where its opener gives none, and their limits.
const (
	roomTurn       = 600 // seconds
	roomMaxTurn    = 24 * 3600
	roomPerClient  = 5
	roomPerToken   = 2
	roomMaxHolds   = 1000
	roomMaxRate    = 100_000
	roomMaxArrival = 100_000 // of one edge, in one report
)

func (s *Service) roomsList(*call, api.None) (api.List[api.Room], error) {
	v := api.List[api.Room]{Items: []api.Room{}}
	s.m.rooms.Ascend("", func(_ string, r roomRec) bool { v.Items = append(v.Items, s.m.room(r)); return true })
	return v, nil
}

func (s *Service) roomsPut(ctx context.Context, c *call, req api.PutRoom) (reply, error) {
	if err := need(c, roleMerchandiser, roleOperator); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	var f fields
	if !locationPattern.MatchString(req.ID) {
		f.add("id", "A room is a-z, 0-9 and dashes, at most 64.")
	}
	if req.Product != "" && !handlePattern.MatchString(req.Product) {
		f.add("product", handleRule)
	}
	measured := req.Rate == 0
	if measured {
		req.Rate = paceStart
	}
	if !(req.Rate >= 0.001 && req.Rate <= roomMaxRate) { // NaN is neither
		f.add("rate", "Give how many are let in a second, from 0.001 to %d, or leave it out to follow what the core carries.", roomMaxRate)
	}
	whole := func(name string, v *int64, standard, least, most int64) {
		if *v == 0 {
			*v = standard
		}
		if *v < least || *v > most {
			f.add(name, "Give a number from %d to %d.", least, most)
		}
	}
	perClient, perToken := int64(req.HoldsPerClient), int64(req.HoldsPerToken)
	whole("turn_seconds", &req.TurnSeconds, roomTurn, 10, roomMaxTurn)
	whole("holds_per_client", &perClient, roomPerClient, 1, roomMaxHolds)
	whole("holds_per_token", &perToken, roomPerToken, 1, roomMaxHolds)
	if len(f) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(f))
	}
	return s.propose(ctx, cmdPutRoom, k, putRoomCmd{ID: req.ID, Product: req.Product, RateMilli: int64(math.Round(req.Rate * 1000)), Measured: measured,
		TurnMS: req.TurnSeconds * 1000, PerClient: int(perClient), PerToken: int(perToken)})
}

func (s *Service) roomsClose(ctx context.Context, c *call, req api.RoomID) (reply, error) {
	if err := need(c, roleMerchandiser, roleOperator); err != nil {
		return reply{}, err
	}
	return s.propose(ctx, cmdCloseRoom, s.key(c, c.scope(), req), closeRoomCmd{ID: truncate(req.ID, 64)})
}

// roomsArrive has no idempotency key: edges report twenty times a second, and a number that nobody has harms nobody.
func (s *Service) roomsArrive(ctx context.Context, _ *call, req api.Arrivals) (reply, error) {
	if !handlePattern.MatchString(req.Edge) {
		return reply{}, api.Invalid("edge", handleRule)
	}
	if len(req.Rooms) == 0 || len(req.Rooms) > api.MaxRooms {
		return reply{}, api.Invalid("rooms", "Name 1 to %d rooms.", api.MaxRooms)
	}
	cmd := arriveCmd{}
	for _, a := range req.Rooms {
		if a.Count < 1 || a.Count > roomMaxArrival {
			return reply{}, api.Invalid("rooms", "1 to %d may arrive at once.", roomMaxArrival)
		}
		cmd.Rooms = append(cmd.Rooms, arrivalRec{Room: truncate(a.Room, 64), Opening: a.Opening, Count: a.Count})
	}
	return s.propose(ctx, cmdArrive, keying{}, cmd)
}

// ownTurn refuses a checkout whose turn it is not before it costs a log entry; the log decides it once more.
func (s *Service) ownTurn(cmd reserveCmd) (refusal *api.Error) {
	s.m.db.View(func() {
		if s.m.rooms.Len() == 0 {
			return
		}
		if cart, ok := s.m.carts.Get(cmd.Cart); ok {
			_, refusal = s.m.guard(s.m.price(cart), cmd.Tickets, buyer{cmd.Client, cmd.Token})
		}
	})
	return refusal
}

// begun says that an order exists under a key: its turn had come, and its repeats do not wait again.
func (s *Service) begun(k keying) (yes bool) {
	s.m.db.View(func() { _, yes = s.m.keys.Get(keyOf(k.Scope, k.Key)) })
	return yes
}

// ticketsOf is what a reserve carries of a buyer's tickets.
func ticketsOf(all []api.Ticket) (out []ticketRec) {
	for _, t := range all[:min(len(all), api.MaxRooms)] {
		out = append(out, ticketRec{Room: truncate(t.Room, 64), Opening: t.Opening, Number: t.Number})
	}
	return out
}
