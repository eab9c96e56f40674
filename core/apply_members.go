package core

import (
	"maps"
	"slices"

	"meridian/api"
)

// nodeRec is where a core is. Who is a member, and who votes, is in raft's own configuration, which has no
// place for this.
type nodeRec struct {
	Region string `cbor:"1,keyasint,omitempty"`
	API    string `cbor:"2,keyasint,omitempty"` // host:port, as edges reach it
}

type putMemberCmd struct {
	ID     string `cbor:"1,keyasint"`
	Region string `cbor:"2,keyasint,omitempty"`
	API    string `cbor:"3,keyasint,omitempty"`
}

// maxNodes bounds the cores that are remembered, those that left included.
const maxNodes = 1000

func (m *Machine) applyPutMember(c putMemberCmd) (any, int, *api.Error) {
	if _, known := m.nodes.Get(c.ID); !known && m.nodes.Len() >= maxNodes {
		return nil, 0, api.NewError(api.CodeConflict, "More than %d cores were members of this cluster; use an id again.", maxNodes)
	}
	m.nodes.Put(c.ID, nodeRec{Region: c.Region, API: c.API})
	m.deriveWhereabouts()
	return api.None{}, 0, nil
}

// deriveWhereabouts copies the nodes for readers without the tables' lock, which the caller holds.
func (m *Machine) deriveWhereabouts() {
	places := map[string]nodeRec{}
	m.nodes.Ascend("", func(id string, n nodeRec) bool { places[id] = n; return true })
	m.whereabouts.Store(&places)
}

// RegionOf is the region that a core said it is in, "" if it did not. It takes no lock.
func (m *Machine) RegionOf(id string) string { return (*m.whereabouts.Load())[id].Region }

// Places gives every core that said where it is, in the order of their ids. It takes no lock.
func (m *Machine) Places(fn func(id, region, api string)) {
	places := *m.whereabouts.Load()
	for _, id := range slices.Sorted(maps.Keys(places)) {
		fn(id, places[id].Region, places[id].API)
	}
}
