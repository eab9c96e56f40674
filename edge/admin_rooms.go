package edge

import (
	"cmp"
	"context"
	"strconv"

	"meridian/api"
	"meridian/web"
)

// roomBody is the body of PUT /waiting-rooms/{room}; what is left out has a default.
type roomBody struct {
	Product        string   `json:"product,omitempty"`
	Rate           *float64 `json:"rate,omitempty"`
	TurnSeconds    int64    `json:"turn_seconds,omitempty"`
	HoldsPerClient int      `json:"holds_per_client,omitempty"`
	HoldsPerToken  int      `json:"holds_per_token,omitempty"`
}

const roomBodyMax = 4 << 10

func (s *Shop) staffRoomOperations() []operation {
	const rooms, one = "/admin/api/v1/waiting-rooms", "/admin/api/v1/waiting-rooms/{room}"
	both := []string{roleMerchandiser, roleOperator}
	return []operation{
		{Route: Route{Method: "GET", Pattern: rooms, Class: Staff, Handler: s.listRooms},
			ID: "listWaitingRooms", Summary: "The waiting rooms that are open, and how far they are", Result: api.List[api.Room]{}, Roles: both},
		{Route: Route{Method: "PUT", Pattern: one, Class: Staff, MaxBody: roomBodyMax, Handler: s.putRoom},
			ID: "putWaitingRoom", Summary: "Open a waiting room for a product, or for all of the shop; or change an open one, in which nobody loses their place", Body: roomBody{}, Result: api.Room{}, Status: 201,
			Roles: both, Refusals: []api.Code{api.CodeConflict}},
		{Route: Route{Method: "DELETE", Pattern: one, Class: Staff, Handler: s.closeRoom},
			ID: "closeWaitingRoom", Summary: "Close a waiting room: nobody has to wait any more", Roles: both, Status: 204},
	}
}

func (s *Shop) listRooms(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	list, err := ask(ctx, t, api.RoomsList, api.None{})
	if err != nil {
		return nil, err
	}
	return reply(t.answer(), 200, list)
}

func (s *Shop) putRoom(ctx context.Context, r *Request) (*Answer, error) {
	var body roomBody
	if err := decodeOptional(r.Body, &body); err != nil {
		return nil, err
	}
	req := api.PutRoom{ID: r.Params["room"], Product: body.Product, TurnSeconds: body.TurnSeconds, HoldsPerClient: body.HoldsPerClient, HoldsPerToken: body.HoldsPerToken}
	if body.Rate != nil {
		if req.Rate = *body.Rate; req.Rate == 0 {
			return nil, api.Invalid("rate", "must be above 0; leave it out to follow what the core carries")
		}
	}
	t := s.staff(r)
	room, err := ask(ctx, t, api.RoomsPut, req)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	s.cfg.Rooms.Reach(ctx, a.Index)
	return reply(a, 201, room)
}

func (s *Shop) closeRoom(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	if _, err := ask(ctx, t, api.RoomsClose, api.RoomID{ID: r.Params["room"]}); err != nil {
		return t.refused(err)
	}
	a := t.answer()
	s.cfg.Rooms.Reach(ctx, a.Index)
	return nothing(a)
}

// roomTable shows the rooms on the desk of a shop that has one open.
func roomTable(rooms []api.Room) []web.Table {
	if len(rooms) == 0 {
		return nil
	}
	v := web.Table{Title: "Waiting rooms", Columns: []string{"Id", "Guards", "Came", "Let in", "Waiting", "A second", "Left", "Being paid for"}}
	for i := range rooms {
		r := &rooms[i]
		left, held := number(r.Available), number(r.Held)
		if r.Product == "" {
			left, held = "", ""
		}
		v.Rows = append(v.Rows, []string{r.ID, cmp.Or(r.Product, "all of the shop"), thousands(r.Arrived), thousands(r.Admitted), thousands(r.Arrived - r.Admitted),
			strconv.FormatFloat(r.Rate, 'f', -1, 64), left, held})
	}
	return []web.Table{v}
}
