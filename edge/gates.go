package edge

import (
	"meridian/api"
	"meridian/internal/gate"
)

// gates bound what is done at once beside answering out of the cache. Buying has a gate of its own: however many people look around, none
// of them takes a buyer's turn. What fetches a page for the cache is bounded most tightly, since it costs most and can be shown as it was.
type gates struct{ buying, browsing, fills *gate.Gate }

func newGates(served, fills int) gates {
	return gates{buying: gate.New(gate.Config{Limit: served}), browsing: gate.New(gate.Config{Limit: served}), fills: gate.New(gate.Config{Limit: fills})}
}

// of is the gate of a route that answers one client.
func (g gates) of(b *bound) *gate.Gate {
	if b.Limit == CountCheckout || b.Limit == CountCartWrite {
		return g.buying
	}
	return g.browsing
}

// refused counts those who were turned away.
func (g gates) refused() (n uint64) {
	for _, one := range []*gate.Gate{g.buying, g.browsing, g.fills} {
		_, _, r := one.State()
		n += r
	}
	return n
}

func tooMany() *api.Error {
	return api.NewError(api.CodeOverloaded, "More people are here than can be served at once. Nothing was done; try again in a moment.")
}
