package core

import (
	"cmp"
	"slices"
	"strings"

	"meridian/api"
)

// locationRec is a place that stock lies at.
type locationRec struct {
	ID       string `cbor:"1,keyasint"`
	Name     string `cbor:"2,keyasint"`
	Priority int64  `cbor:"3,keyasint"`
	Idle     bool   `cbor:"4,keyasint,omitempty"` // its stock is not sold
}

// locationsRec is the list of locations, in the order in which stock is reserved. It is one record, so
// that an order of them is changed in one step.
type locationsRec struct {
	List  []locationRec `cbor:"1,keyasint"`
	Index uint64        `cbor:"2,keyasint"`
}

type putLocationsCmd struct {
	List    []locationRec `cbor:"1,keyasint"`
	IfMatch uint64        `cbor:"2,keyasint,omitempty"`
	Match   bool          `cbor:"3,keyasint,omitempty"`
}

// locationsKey is the only key of the table of locations.
const locationsKey = "locations"

// mainOnly is the list of a shop that never made one.
func mainOnly() locationsRec {
	return locationsRec{List: []locationRec{{ID: api.DefaultLocation, Name: "Main"}}}
}

func (m *Machine) locationList() locationsRec {
	rec, ok := m.locations.Get(locationsKey)
	if !ok {
		return mainOnly()
	}
	return rec
}

// deriveLocations rebuilds the look-up by id; the caller holds the tables' lock.
func (m *Machine) deriveLocations() {
	m.places = map[string]place{}
	for i, l := range m.locationList().List {
		m.places[l.ID] = place{rank: i, locationRec: l}
	}
}

// place is a location with its turn in the order of reservation.
type place struct {
	rank int
	locationRec
}

// noLocation refuses a location that nobody has created: a name typed wrongly must not become a shelf.
func (m *Machine) noLocation(id string) *api.Error {
	if _, ok := m.places[id]; ok {
		return nil
	}
	ids := make([]string, 0, len(m.places))
	for _, l := range m.locationList().List {
		ids = append(ids, l.ID)
	}
	return api.Invalid("location", "There is no location %s. There are %s; PUT /admin/api/v1/locations creates others.", id, truncate(strings.Join(ids, ", "), 300))
}

// inOrder sorts the levels of a SKU into the order in which stock is reserved: by the locations'
// priority, then by id.
func (m *Machine) inOrder(ls []level) []level {
	if len(ls) > 1 {
		slices.SortStableFunc(ls, func(a, b level) int { return cmp.Compare(m.rank(a.location), m.rank(b.location)) })
	}
	return ls
}

// rank is a location's turn; what is on no list comes last.
func (m *Machine) rank(id string) int {
	p, ok := m.places[id]
	if !ok {
		return api.MaxLocations
	}
	return p.rank
}

// sellable are the levels of a SKU that can be sold from, in the order in which they are.
func (m *Machine) sellable(sku string) []level {
	return slices.DeleteFunc(m.levels(sku), func(l level) bool { return m.places[l.location].Idle })
}

// applyPutLocations replaces the list. A location that ever had stock stays on it: what it holds, and
// what open orders hold of it, must not lose its name. It can be made inactive instead.
func (m *Machine) applyPutLocations(c putLocationsCmd) (any, int, *api.Error) {
	old := m.locationList()
	if c.Match && old.Index != c.IfMatch {
		return nil, 0, api.NewError(api.CodePrecondition, "The locations were changed by somebody else. Read them again and repeat your change.")
	}
	next := locationsRec{List: slices.Clone(c.List), Index: m.index}
	slices.SortStableFunc(next.List, func(a, b locationRec) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ID, b.ID))
	})
	gone := map[string]bool{}
	for _, l := range old.List {
		gone[l.ID] = !slices.ContainsFunc(next.List, func(n locationRec) bool { return n.ID == l.ID })
	}
	if gone[api.DefaultLocation] {
		return nil, 0, api.Invalid("items", "%s must be in the list. To sell nothing from it, set active to false.", api.DefaultLocation)
	}
	if id := m.anyStockAt(gone); id != "" {
		return nil, 0, api.NewError(api.CodeConflict, "Stock was kept at %s, so it stays in the list. To sell nothing from it, set active to false.", id)
	}
	m.locations.Put(locationsKey, next)
	m.deriveLocations()
	if !slices.EqualFunc(old.List, next.List, func(a, b locationRec) bool { return a.ID == b.ID && a.Idle == b.Idle }) {
		m.touch(api.TagAll) // any product may show another figure now
	}
	return m.locationView(), 200, nil
}

// anyStockAt names a location of a set that has a stock record, or "".
func (m *Machine) anyStockAt(set map[string]bool) (found string) {
	any := false
	for _, in := range set {
		any = any || in
	}
	if !any {
		return ""
	}
	m.stock.Ascend("", func(k string, _ stockRec) bool {
		_, location, _ := strings.Cut(k, "\x00")
		if set[location] {
			found = location
		}
		return found == ""
	})
	return found
}

// locationView renders the list; the caller holds the tables' lock.
func (m *Machine) locationView() api.Locations {
	rec := m.locationList()
	v := api.Locations{Items: []api.Location{}, Index: api.Index{Timeline: m.timeline(), Raft: rec.Index}}
	for _, l := range rec.List {
		v.Items = append(v.Items, api.Location{ID: l.ID, Name: l.Name, Priority: l.Priority, Active: !l.Idle})
	}
	return v
}

// stockAt renders the levels of a SKU at all locations that have one.
func (m *Machine) stockAt(sku string) []api.StockAt {
	out := []api.StockAt{}
	for _, l := range m.levels(sku) {
		p := m.places[l.location]
		v := api.StockAt{Location: l.location, Name: cmp.Or(p.Name, l.location), Active: !p.Idle, OnHand: l.OnHand, Reserved: l.Reserved,
			Index: api.Index{Timeline: m.timeline(), Raft: l.Index}}
		if v.Active {
			v.Available = l.OnHand - l.Reserved
		}
		out = append(out, v)
	}
	return out
}
