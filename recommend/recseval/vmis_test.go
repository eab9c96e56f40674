package recseval

import (
	"cmp"
	"math"
	"slices"
)

// vmis is VMIS-kNN as Serenade computes it (Kersbergen, Sprangers, Schelter: "Serenade: Low-Latency Session-Based Recommendation in
// e-Commerce at Scale", SIGMOD 2022, doi 10.1145/3514221.3517901): the yardstick that ours is held against.
type vmis struct {
	m, k, last int
	sessions   [][]string       // distinct items, newest session first
	of         map[string][]int // the newest m sessions of an item, newest first
	idf        map[string]float64
}

func newVMIS(train []Session, m, k, last int) *vmis {
	v := &vmis{m: m, k: k, last: last, of: map[string][]int{}, idf: map[string]float64{}}
	newest := slices.Clone(train)
	slices.SortStableFunc(newest, func(a, b Session) int { return b.End.Compare(a.End) })
	clicks := 0
	for n, s := range newest {
		var items []string
		for _, item := range s.Items {
			clicks++
			v.idf[item]++
			if slices.Contains(items, item) {
				continue
			}
			items = append(items, item)
			if len(v.of[item]) < m {
				v.of[item] = append(v.of[item], n)
			}
		}
		v.sessions = append(v.sessions, items)
	}
	for item, n := range v.idf {
		v.idf[item] = math.Log(float64(clicks) / n)
	}
	return v
}

func (v *vmis) rank(visit []string) []string {
	recent := visit[max(0, len(visit)-v.last):]
	var distinct []string
	for _, item := range slices.Backward(recent) {
		if !slices.Contains(distinct, item) {
			distinct = append(distinct, item)
		}
	}
	similar, candidates := map[int]float64{}, []int{}
	for back, item := range slices.Backward(recent) {
		for _, s := range v.of[item] {
			if _, known := similar[s]; !known {
				candidates = append(candidates, s)
			}
			similar[s] += float64(back+1) / float64(len(distinct))
		}
	}
	if len(candidates) > v.m { // the newest are the first of all sessions
		slices.Sort(candidates)
		candidates = candidates[:v.m]
	}
	slices.SortFunc(candidates, func(a, b int) int { return cmp.Or(cmp.Compare(similar[b], similar[a]), cmp.Compare(a, b)) })
	score := map[string]float64{}
	for _, s := range candidates[:min(v.k, len(candidates))] {
		step := 1
		for _, item := range slices.Backward(recent) {
			if slices.Contains(v.sessions[s], item) {
				break
			}
			step++
		}
		for _, item := range v.sessions[s] {
			if item != visit[len(visit)-1] {
				score[item] += similar[s] * (1 - 0.1*float64(step)) * v.idf[item]
			}
		}
	}
	var out []string
	for item := range score {
		out = append(out, item)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b)) })
	return out[:min(At, len(out))]
}
