package recommend

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Neighbour is a product that goes with another one.
type Neighbour struct {
	Item  string
	Score float32 // above zero
}

// Table names one of a Model's tables.
type Table int

// The tables.
const (
	Viewed Table = iota // what is looked at in one visit
	Bought              // what is in one order
	tables
)

// Model is tables of neighbours of the same items. It does not change; any number of goroutines may use it.
type Model struct {
	version string
	built   time.Time
	items   []string
	index   map[string]uint32 // of items
	tables  [tables]rows
	scratch sync.Pool // of *scratch
}

// rows are a table.
type rows struct {
	from  []uint32 // where the neighbours of each item begin, and where the last one's end; nil: there are none
	to    []uint32 // the neighbours, as places in items, best first
	score []float32
}

// of is where the neighbours of an item begin and end.
func (r *rows) of(item uint32) (from, end uint32) {
	if r.from == nil {
		return 0, 0
	}
	return r.from[item], r.from[item+1]
}

// Version tells tables apart, in files, answers and impressions.
func (m *Model) Version() string { return m.version }

// Built is when the table was made.
func (m *Model) Built() time.Time { return m.built }

// Len is of how many items the tables know.
func (m *Model) Len() int { return len(m.items) }

// Pairs is how many neighbours all items have together, in all tables.
func (m *Model) Pairs() (n int) {
	for i := range m.tables {
		n += len(m.tables[i].to)
	}
	return n
}

// Neighbours are those of an item in a table, best first; none for one that is not known.
func (m *Model) Neighbours(t Table, item string) []Neighbour {
	i, ok := m.index[item]
	if !ok {
		return nil
	}
	var out []Neighbour
	table := &m.tables[t]
	for k, end := table.of(i); k < end; k++ {
		out = append(out, Neighbour{m.items[table.to[k]], table.score[k]})
	}
	return out
}

// Builder collects the rows of a Model.
type Builder struct {
	m    Model
	rows [tables]map[uint32][]pair
}

type pair struct {
	to    uint32
	score float32
}

// NewBuilder begins a table.
func NewBuilder(version string, built time.Time) *Builder {
	b := &Builder{m: Model{version: version, built: built.UTC().Truncate(time.Millisecond), index: map[string]uint32{}}}
	for t := range b.rows {
		b.rows[t] = map[uint32][]pair{}
	}
	return b
}

func (b *Builder) place(item string) uint32 {
	i, ok := b.m.index[item]
	if !ok {
		i = uint32(len(b.m.items))
		b.m.items = append(b.m.items, item)
		b.m.index[item] = i
	}
	return i
}

// Add adds a neighbour of an item to a table, in any order.
func (b *Builder) Add(t Table, item, neighbour string, score float32) error {
	if item == "" || neighbour == "" || item == neighbour || !(score > 0) || math.IsInf(float64(score), 0) {
		return fmt.Errorf("recommend: %q cannot have the neighbour %q with score %v", item, neighbour, score)
	}
	i := b.place(item)
	b.rows[t][i] = append(b.rows[t][i], pair{b.place(neighbour), score})
	return nil
}

// Model has the tables of what was added. The Builder is used up.
func (b *Builder) Model() *Model {
	for t := range b.rows {
		if len(b.rows[t]) > 0 {
			b.fill(&b.m.tables[t], b.rows[t])
		}
		b.rows[t] = nil
	}
	return &b.m
}

func (b *Builder) fill(table *rows, all map[uint32][]pair) {
	m := &b.m
	table.from = make([]uint32, len(m.items)+1)
	for i := range m.items {
		row := all[uint32(i)]
		slices.SortFunc(row, func(x, y pair) int {
			if x.score != y.score {
				if x.score > y.score {
					return -1
				}
				return 1
			}
			return strings.Compare(m.items[x.to], m.items[y.to])
		})
		for _, p := range row {
			table.to, table.score = append(table.to, p.to), append(table.score, p.score)
		}
		table.from[i+1] = uint32(len(table.to))
	}
}
