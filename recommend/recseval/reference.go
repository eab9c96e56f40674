package recseval

import (
	"math"
	"slices"
	"strings"
	"time"

	"meridian/recommend"
)

// Reference is the table that the shop's SQL makes, in plain Go and in no hurry: what that is held against. DESIGN.md of package recommend
// has the formulas.
func Reference(train []Session, p recommend.Params) (*recommend.Model, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	b := recommend.NewBuilder("reference", time.Time{})
	if len(train) == 0 {
		return b.Model(), nil
	}
	newest := slices.Clone(train)
	slices.SortStableFunc(newest, func(a, b Session) int { return b.End.Compare(a.End) })
	last, span := newest[0].End, newest[0].End.Sub(newest[len(newest)-1].End).Seconds()
	inSessions := map[string]int{}
	weightOf := map[string]float64{}
	together := map[string]map[string]float64{}
	add := func(a, b string, w float64) {
		if together[a] == nil {
			together[a] = map[string]float64{}
		}
		together[a][b] += w
	}
	for _, s := range newest {
		counts := map[string]bool{} // whether this session counts for an item
		var items, views []string
		for _, item := range s.Items[max(0, len(s.Items)-p.SessionViews):] {
			yes, known := counts[item]
			if !known {
				inSessions[item]++
				yes = inSessions[item] <= p.Sessions
				counts[item] = yes
				if yes {
					items = append(items, item)
				}
			}
			if yes {
				views = append(views, item)
			}
		}
		if len(items) < 2 || len(items) > p.SessionItems {
			continue
		}
		w := math.Pow(float64(len(items)), -p.Length)
		if span > 0 {
			w *= math.Exp(-last.Sub(s.End).Seconds() / (p.Decay * span))
		}
		for _, a := range items {
			weightOf[a] += w
			for _, b := range items {
				if a != b {
					add(a, b, w)
				}
			}
		}
		for x, a := range views {
			for y := x + 1; y < len(views) && y-x <= p.Steps; y++ {
				if b := views[y]; a != b {
					add(a, b, w*p.Following/float64(y-x))
					add(b, a, w*p.Preceding/float64(y-x))
				}
			}
		}
	}
	rows := map[string][]recommend.Neighbour{}
	for a, row := range together {
		for b, w := range row {
			rows[a] = append(rows[a], recommend.Neighbour{Item: b, Score: float32(w / (math.Pow(weightOf[a]+p.Shrink, p.Alpha) * math.Pow(weightOf[b]+p.Shrink, 1-p.Alpha)))})
		}
	}
	if err := addBest(b, recommend.Viewed, rows, p.Neighbours); err != nil {
		return nil, err
	}
	return b.Model(), nil
}

// addBest adds the best so many neighbours of each item; equal ones go by their names.
func addBest(b *recommend.Builder, t recommend.Table, rows map[string][]recommend.Neighbour, most int) error {
	for item, best := range rows {
		slices.SortFunc(best, func(x, y recommend.Neighbour) int {
			if x.Score != y.Score {
				if x.Score > y.Score {
					return -1
				}
				return 1
			}
			return strings.Compare(x.Item, y.Item)
		})
		for _, n := range best[:min(most, len(best))] {
			if err := b.Add(t, item, n.Item, n.Score); err != nil {
				return err
			}
		}
	}
	return nil
}
