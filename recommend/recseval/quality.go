package recseval

import (
	"fmt"
	"slices"

	"meridian/recommend"
)

// At is how many recommendations count.
const At = 20

// Quality is how well views were predicted.
type Quality struct {
	Predictions int
	HR          float64 // the share of them that were among the first 20
	MRR         float64 // the mean of 1 by their place there, 0 beyond
}

func (q Quality) String() string { return fmt.Sprintf("HR@%d=%.4f MRR@%d=%.4f", At, q.HR, At, q.MRR) }

// Ranker gives the items that may come after a visit, best first.
type Ranker func(visit []string) []string

// Standard predicts every view from the second on, whatever it is.
func Standard(test []Session, rank Ranker) Quality { return measure(test, rank, false) }

// NewOnly predicts the views of what has not been seen in the session.
func NewOnly(test []Session, rank Ranker) Quality { return measure(test, rank, true) }

func measure(test []Session, rank Ranker, newOnly bool) (q Quality) {
	for _, s := range test {
		for i := 1; i < len(s.Items); i++ {
			visit, next := s.Items[:i], s.Items[i]
			if newOnly && slices.Contains(visit, next) {
				continue
			}
			q.Predictions++
			list := rank(visit)
			if place := slices.Index(list[:min(At, len(list))], next); place >= 0 {
				q.HR++
				q.MRR += 1 / float64(place+1)
			}
		}
	}
	if q.Predictions > 0 {
		q.HR /= float64(q.Predictions)
		q.MRR /= float64(q.Predictions)
	}
	return q
}

// Measure is the quality of a table: of every view, with what was seen among the recommendations, and of new items only, without it.
func Measure(test []Session, m *recommend.Model) (standard, newOnly Quality) {
	ranker := func(seen bool) Ranker {
		return func(visit []string) (out []string) {
			for _, r := range m.Recommend(visit, At, recommend.Options{Seen: seen}) {
				out = append(out, r.Item)
			}
			return out
		}
	}
	return Standard(test, ranker(true)), NewOnly(test, ranker(false))
}
