package history

import (
	"fmt"
	"slices"
)

// Conserve holds what a SKU has in the end against what its clients were told: what was added, less
// what was sold, is on hand. It needs every outcome to be known. A SKU that was counted (Set) has no
// such sum and is left to Check. Orders must have been placed once each.
func Conserve(ops []Op, onHand map[string]int64) (problems []string) {
	sum, skip := map[string]int64{}, map[string]bool{}
	placed := map[string]string{}
	for _, op := range ops {
		if op.Outcome == Open {
			skip[op.Object] = true
		}
		if op.Outcome != Done {
			continue
		}
		switch op.Action {
		case Adjust:
			sum[op.Object] += op.Arg
		case Sell:
			sum[op.Object] -= op.Arg
		case Set:
			skip[op.Object] = true
		case Place:
			if other, twice := placed[op.Object]; twice {
				problems = append(problems, fmt.Sprintf("order %s was given to two checkouts, %s and %s", op.Object, other, op.Key))
			}
			placed[op.Object] = op.Key
		}
	}
	for sku, have := range onHand {
		if want := sum[sku]; want != have && !skip[sku] {
			problems = append(problems, fmt.Sprintf("%s: the answers add up to %d on hand, the shop has %d", sku, want, have))
		}
	}
	slices.Sort(problems)
	return problems
}
