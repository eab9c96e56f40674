package recseval

import (
	"math"
	"slices"
	"time"

	"meridian/recommend"
)

// Order is what somebody bought at once.
type Order struct {
	At    time.Time
	Items []string
}

// BoughtReference is the table of what is bought together that the shop's SQL makes, in plain Go and in no hurry: what that is held
// against. DESIGN.md of package recommend has the formulas.
func BoughtReference(orders []Order, p recommend.OrderParams) (*recommend.Model, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	b := recommend.NewBuilder("reference", time.Time{})
	if len(orders) == 0 {
		return b.Model(), nil
	}
	newest := slices.Clone(orders)
	slices.SortStableFunc(newest, func(a, b Order) int { return b.At.Compare(a.At) })
	last, span := newest[0].At, newest[0].At.Sub(newest[len(newest)-1].At).Seconds()
	inOrders, weightOf := map[string]int{}, map[string]float64{}
	type pair struct{ a, b string }
	together, times := map[pair]float64{}, map[pair]int{}
	for _, o := range newest {
		var items []string
		for _, item := range o.Items {
			if slices.Contains(items, item) {
				continue
			}
			items = append(items, item)
		}
		for _, item := range items {
			inOrders[item]++
		}
		items = slices.DeleteFunc(items, func(item string) bool { return inOrders[item] > p.Orders })
		if len(items) < 2 || len(items) > p.OrderItems {
			continue
		}
		w := math.Pow(float64(len(items)), -p.Length)
		if span > 0 {
			w *= math.Exp(-last.Sub(o.At).Seconds() / (p.Decay * span))
		}
		for _, a := range items {
			weightOf[a] += w
			for _, b := range items {
				if a != b {
					together[pair{a, b}] += w
					times[pair{a, b}]++
				}
			}
		}
	}
	rows := map[string][]recommend.Neighbour{}
	for of, w := range together {
		if times[of] >= p.Together {
			score := w / (math.Pow(weightOf[of.a]+p.Shrink, p.Alpha) * math.Pow(weightOf[of.b]+p.Shrink, 1-p.Alpha))
			rows[of.a] = append(rows[of.a], recommend.Neighbour{Item: of.b, Score: float32(score)})
		}
	}
	if err := addBest(b, recommend.Bought, rows, p.Neighbours); err != nil {
		return nil, err
	}
	return b.Model(), nil
}
