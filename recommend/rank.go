package recommend

import (
	"slices"
	"strings"
)

// The combination: the last so many different items of a visit count, the newest fully, the one before half, and so on.
const lastItems = 10

// A reminder of something seen is worth this divided by how many views ago that was; of what is on the screen now, less.
const (
	reminder = 1
	present  = 0.1
)

// Options narrow a recommendation.
type Options struct {
	Table Table                  // out of which; Viewed by default
	May   func(item string) bool // what may be shown; nil: everything
	Seen  bool                   // what was seen is among it, as a reminder
}

// Recommendation is an item for somebody.
type Recommendation struct {
	Item    string
	Score   float32
	Because string // what they looked at that speaks for it most
}

// scratch is what a combination needs: score and best are of all items, zero where seen says so.
type scratch struct {
	score, best []float32
	because     []uint32
	touched     []uint32
}

// Recommend is what goes with the items of a visit, oldest first: at most n, best first. Equal scores go by the item's name.
func (m *Model) Recommend(visit []string, n int, o Options) []Recommendation {
	if n <= 0 || len(m.items) == 0 {
		return nil
	}
	s, _ := m.scratch.Get().(*scratch)
	if s == nil {
		s = &scratch{score: make([]float32, len(m.items)), best: make([]float32, len(m.items)), because: make([]uint32, len(m.items))}
	}
	m.add(s, &m.tables[o.Table], visit)
	if o.Seen {
		m.remind(s, visit)
	}
	slices.SortFunc(s.touched, func(a, b uint32) int {
		switch x, y := s.score[a], s.score[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(m.items[a], m.items[b])
	})
	out := make([]Recommendation, 0, min(n, len(s.touched)))
	for _, i := range s.touched {
		if len(out) == n {
			break
		}
		if item := m.items[i]; (o.Seen || !slices.Contains(visit, item)) && (o.May == nil || o.May(item)) {
			out = append(out, Recommendation{item, s.score[i], m.items[s.because[i]]})
		}
	}
	for _, i := range s.touched {
		s.score[i], s.best[i] = 0, 0
	}
	s.touched = s.touched[:0]
	m.scratch.Put(s)
	return out
}

// add sums the neighbours of a visit's last items up.
func (m *Model) add(s *scratch, table *rows, visit []string) {
	var newest [lastItems]string
	taken := newest[:0]
	for at := len(visit) - 1; at >= 0 && len(taken) < lastItems; at-- {
		if slices.Contains(taken, visit[at]) {
			continue
		}
		taken = append(taken, visit[at])
		i, ok := m.index[visit[at]]
		if !ok {
			continue
		}
		weight := 1 / float32(len(taken))
		for k, end := table.of(i); k < end; k++ {
			s.put(table.to[k], weight*table.score[k], i)
		}
	}
}

// remind adds the items of a visit themselves.
func (m *Model) remind(s *scratch, visit []string) {
	for at := len(visit) - 1; at >= 0; at-- {
		i, ok := m.index[visit[at]]
		if !ok || slices.Contains(visit[at+1:], visit[at]) {
			continue
		}
		worth := float32(reminder) / float32(len(visit)-at)
		if at == len(visit)-1 {
			worth *= present
		}
		s.put(i, worth, i)
	}
}

func (s *scratch) put(to uint32, score float32, because uint32) {
	if s.score[to] == 0 {
		s.touched = append(s.touched, to)
	}
	s.score[to] += score
	if score > s.best[to] {
		s.best[to], s.because[to] = score, because
	}
}
