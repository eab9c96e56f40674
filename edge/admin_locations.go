package edge

import (
	"context"
	"fmt"

	"meridian/api"
	"meridian/web"
)

// The body of PUT /locations. Active may be left out: a location is made to be sold from.
type (
	locationsBody struct {
		Items []locationBody `json:"items"`
		// Next and Index are what GET answers beside the items; a GET may be sent back by PUT.
		Next  *string    `json:"next,omitempty"`
		Index *api.Index `json:"index,omitempty"`
	}
	locationBody struct {
		ID       string `json:"id"`
		Name     string `json:"name,omitempty"`
		Priority int64  `json:"priority,omitempty"`
		Active   *bool  `json:"active,omitempty"`
	}
)

const locationsBodyMax = 64 << 10

func (s *Shop) staffLocationOperations() []operation {
	const locations = "/admin/api/v1/locations"
	return []operation{
		{Route: Route{Method: "GET", Pattern: locations, Class: Staff, Handler: s.locations},
			ID: "listLocations", Summary: "The places that stock lies at, in the order in which it is reserved; its ETag is for If-Match", Result: api.Locations{}},
		{Route: Route{Method: "PUT", Pattern: locations, Class: Staff, MaxBody: locationsBodyMax, Handler: s.putLocations},
			ID: "putLocations", Summary: "Replace the list of locations: stock is reserved by ascending priority, then by id, from active ones", Body: locationsBody{}, Result: api.Locations{}, Refusals: []api.Code{api.CodePrecondition, api.CodeConflict}},
	}
}

func (s *Shop) locations(ctx context.Context, r *Request) (*Answer, error) {
	return s.answerLocations(r, func(t *trip) (api.Locations, error) { return ask(ctx, t, api.LocationsList, api.None{}) })
}

func (s *Shop) putLocations(ctx context.Context, r *Request) (*Answer, error) {
	match, err := ifMatch(r.IfMatch)
	if err != nil {
		return nil, err
	}
	var body locationsBody
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if len(body.Items) > api.MaxLocations {
		return nil, api.Invalid("items", "must hold at most %d locations", api.MaxLocations)
	}
	req := api.PutLocations{Items: []api.Location{}, IfMatch: match}
	for i, l := range body.Items {
		if !bounded(l.ID, 64, func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }) {
			return nil, api.Invalid(fmt.Sprintf("items.%d.id", i), "must be 1 to 64 of a-z, 0-9 and -")
		}
		req.Items = append(req.Items, api.Location{ID: l.ID, Name: l.Name, Priority: l.Priority, Active: l.Active == nil || *l.Active})
	}
	return s.answerLocations(r, func(t *trip) (api.Locations, error) { return ask(ctx, t, api.LocationsPut, req) })
}

func (s *Shop) answerLocations(r *Request, get func(*trip) (api.Locations, error)) (*Answer, error) {
	t := s.staff(r)
	list, err := get(t)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	withETag(a, list.Index)
	return reply(a, 200, list)
}

// locationTable shows the locations on the desk of a shop that has more than one.
func locationTable(list api.Locations) []web.Table {
	if len(list.Items) < 2 {
		return nil
	}
	v := web.Table{Title: "Locations, in the order stock is reserved", Columns: []string{"Id", "Name", "Priority", "Sells"}}
	for _, l := range list.Items {
		v.Rows = append(v.Rows, []string{l.ID, l.Name, number(l.Priority), yesNo(l.Active)})
	}
	return []web.Table{v}
}
