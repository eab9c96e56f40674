package core

import (
	"slices"

	"meridian/api"
)

// tablesRec are the tables of recommendations whose files are kept, the newest first: an edge that was asked to load one when the next came
// still finds it.
type tablesRec struct {
	Tables []tableRec `cbor:"1,keyasint"`
}

type tableRec struct {
	Version string `cbor:"1,keyasint"`
	Key     string `cbor:"2,keyasint"`
	Items   int64  `cbor:"3,keyasint"`
	Pairs   int64  `cbor:"4,keyasint"`
	Edge    string `cbor:"5,keyasint"`
	AtMS    int64  `cbor:"6,keyasint"`
}

// publishTableCmd makes a table the newest.
type publishTableCmd struct {
	Version string `cbor:"1,keyasint"`
	Key     string `cbor:"2,keyasint"`
	Items   int64  `cbor:"3,keyasint"`
	Pairs   int64  `cbor:"4,keyasint"`
	Edge    string `cbor:"5,keyasint"`
	After   string `cbor:"6,keyasint,omitempty"`
}

const (
	// tablesKey is the only key of the table of tables.
	tablesKey = "recommendations"
	// tablesKept is how many files are kept.
	tablesKept = 3
)

func (m *Machine) applyPublishTable(c publishTableCmd) (any, int, *api.Error) {
	kept, _ := m.tables.Get(tablesKey)
	newest := kept.newest()
	if newest.Version == c.Version && newest.Key == c.Key {
		return newest.view(nil), 200, nil // a repeat
	}
	if newest.Version != c.After || slices.ContainsFunc(kept.Tables, func(t tableRec) bool { return t.Version == c.Version }) {
		return nil, 0, api.NewError(api.CodeConflict, "Another edge has published a table since. Take that one.")
	}
	all := append([]tableRec{{Version: c.Version, Key: c.Key, Items: c.Items, Pairs: c.Pairs, Edge: c.Edge, AtMS: m.now}}, kept.Tables...)
	var gone []string
	for _, t := range all[min(tablesKept, len(all)):] {
		gone = append(gone, t.Key)
	}
	m.tables.Put(tablesKey, tablesRec{all[:min(tablesKept, len(all))]})
	return all[0].view(gone), 201, nil
}

func (r tablesRec) newest() (t tableRec) {
	if len(r.Tables) > 0 {
		t = r.Tables[0]
	}
	return t
}

func (t tableRec) view(gone []string) api.RecommendationTable {
	v := api.RecommendationTable{Version: t.Version, Key: t.Key, Items: t.Items, Pairs: t.Pairs, MadeBy: t.Edge, Gone: append([]string{}, gone...)}
	if t.Version != "" {
		v.MadeAt = rfc(t.AtMS)
	}
	return v
}
