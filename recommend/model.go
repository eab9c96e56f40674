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

// Model is a table of neighbours. It does not change; any number of goroutines may use it.
type Model struct {
	version string
	built   time.Time
	items   []string
	index   map[string]uint32 // of items
	from    []uint32          // where the neighbours of each item begin, and where the last one's end
	to      []uint32          // the neighbours, as places in items, best first
	score   []float32
	scratch sync.Pool // of *scratch
}

// Version tells tables apart, in files, answers and impressions.
func (m *Model) Version() string { return m.version }

// Built is when the table was made.
func (m *Model) Built() time.Time { return m.built }

// Len is of how many items the table knows.
func (m *Model) Len() int { return len(m.items) }

// Pairs is how many neighbours all items have together.
func (m *Model) Pairs() int { return len(m.to) }

// Neighbours are those of an item, best first; none for one that is not known.
func (m *Model) Neighbours(item string) []Neighbour {
	i, ok := m.index[item]
	if !ok {
		return nil
	}
	var out []Neighbour
	for k := m.from[i]; k < m.from[i+1]; k++ {
		out = append(out, Neighbour{m.items[m.to[k]], m.score[k]})
	}
	return out
}

// Builder collects the rows of a Model.
type Builder struct {
	m    Model
	rows map[uint32][]pair
}

type pair struct {
	to    uint32
	score float32
}

// NewBuilder begins a table.
func NewBuilder(version string, built time.Time) *Builder {
	return &Builder{m: Model{version: version, built: built.UTC().Truncate(time.Millisecond), index: map[string]uint32{}}, rows: map[uint32][]pair{}}
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

// Add adds a neighbour of an item, in any order.
func (b *Builder) Add(item, neighbour string, score float32) error {
	if item == "" || neighbour == "" || item == neighbour || !(score > 0) || math.IsInf(float64(score), 0) {
		return fmt.Errorf("recommend: %q cannot have the neighbour %q with score %v", item, neighbour, score)
	}
	i := b.place(item)
	b.rows[i] = append(b.rows[i], pair{b.place(neighbour), score})
	return nil
}

// Model is the table of what was added. The Builder is used up.
func (b *Builder) Model() *Model {
	m := &b.m
	m.from = make([]uint32, len(m.items)+1)
	for i := range m.items {
		row := b.rows[uint32(i)]
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
			m.to, m.score = append(m.to, p.to), append(m.score, p.score)
		}
		m.from[i+1] = uint32(len(m.to))
	}
	b.rows = nil
	return m
}
