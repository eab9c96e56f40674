package history

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is what Check found.
type Verdict struct {
	Objects, Ops int
	// Illegal are objects whose history no single shop can have had, each with a sentence.
	Illegal []Finding
	// Undecided are objects whose check did not end in time: no proof of anything.
	Undecided []string
}

// Finding is an object whose history is illegal.
type Finding struct {
	Object string
	// Text names the object and the operations around the one that does not fit.
	Text string

	model porcupine.Model
	info  porcupine.LinearizationInfo
}

// Draw writes a page that shows the longest linearizations that were found.
func (f Finding) Draw(w io.Writer) error { return porcupine.Visualize(f.model, f.info, w) }

// Check judges every object of a history by itself, each for at most limit. Linearizability is local:
// a history is linearizable exactly when that of each object is.
func Check(ops []Op, limit time.Duration) Verdict {
	v := Verdict{Ops: len(ops)}
	groups := map[string][]Op{}
	for _, op := range ops {
		groups[op.Object] = append(groups[op.Object], op)
	}
	v.Objects = len(groups)
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		model := stockModel()
		if isOrder(groups[name]) {
			model = orderModel()
		}
		result, info := porcupine.CheckOperationsVerbose(model, timeline(groups[name]), limit)
		switch result {
		case porcupine.Illegal:
			v.Illegal = append(v.Illegal, Finding{Object: name, Text: explain(name, groups[name], info), model: model, info: info})
		case porcupine.Unknown:
			v.Undecided = append(v.Undecided, fmt.Sprintf("%s: %d operations, %d of them open, not decided within %v", name, len(groups[name]), countOpen(groups[name]), limit))
		}
	}
	return v
}

func isOrder(ops []Op) bool {
	return slices.ContainsFunc(ops, func(op Op) bool { return op.Action == Place || op.Action == Look || op.Action == Fulfil })
}

func countOpen(ops []Op) (n int) {
	for _, op := range ops {
		if op.Outcome == Open {
			n++
		}
	}
	return n
}

// timeline is a history in porcupine's words: what is open never returns, and an open read says nothing.
func timeline(ops []Op) []porcupine.Operation {
	var out []porcupine.Operation
	for _, op := range ops {
		end := int64(op.Return)
		if op.Outcome == Open {
			if op.Action == Read || op.Action == Look {
				continue
			}
			end = math.MaxInt64
		}
		out = append(out, porcupine.Operation{ClientId: op.Client, Input: op, Call: int64(op.Call), Return: end})
	}
	return out
}

// explain names the operations that the longest linearization could not place.
func explain(name string, ops []Op, info porcupine.LinearizationInfo) string {
	longest := 0
	placed := map[string]bool{}
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, line := range partition {
			if len(line) <= longest {
				continue
			}
			longest = len(line)
			clear(placed)
			for _, o := range line {
				placed[identity(o.Input.(Op))] = true
			}
		}
	}
	var left []Op
	for _, op := range ops {
		if !placed[identity(op)] && op.Outcome != Open {
			left = append(left, op)
		}
	}
	slices.SortFunc(left, func(a, b Op) int { return int(a.Return - b.Return) })
	var text []string
	for _, op := range left[:min(len(left), 4)] {
		text = append(text, fmt.Sprintf("[%.3f s, %.3f s] client %d %s", op.Call.Seconds(), op.Return.Seconds(), op.Client, describe(op, nil)))
	}
	return fmt.Sprintf("%s: %d of %d operations fit one order of events; the next that do not: %s", name, longest, len(ops), strings.Join(text, "; "))
}

func identity(op Op) string { return fmt.Sprintf("%d %d %s %s", op.Client, op.Call, op.Action, op.Key) }
