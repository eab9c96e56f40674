package history

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const limit = 10 * time.Second

// op is an operation on one SKU from call to end, in milliseconds.
func op(action Action, arg, onHand int64, call, end int) Op {
	return Op{Object: "SKU", Action: action, Arg: arg, OnHand: onHand, Outcome: Done, Client: call,
		Call: time.Duration(call) * time.Millisecond, Return: time.Duration(end) * time.Millisecond}
}

func with(o Op, outcome Outcome) Op { o.Outcome = outcome; return o }

func order(action Action, status string, call, end int) Op {
	o := op(action, 0, 0, call, end)
	o.Object, o.Status = "o1-a", status
	return o
}

func TestHistoriesOfOneShop(t *testing.T) {
	for name, c := range map[string]struct {
		legal bool
		ops   []Op
	}{
		"one after the other": {true, []Op{op(Adjust, 5, 5, 0, 1), op(Adjust, -2, 3, 2, 3), op(Read, 0, 3, 4, 5)}},
		"side by side":        {true, []Op{op(Adjust, 5, 5, 0, 9), op(Adjust, 2, 7, 1, 8), op(Read, 0, 5, 2, 7)}},
		"a count":             {true, []Op{op(Adjust, 5, 5, 0, 1), op(Set, 2, 2, 2, 3), op(Read, 0, 2, 4, 5)}},
		"a sale":              {true, []Op{op(Set, 5, 5, 0, 1), op(Sell, 2, 0, 2, 6), op(Read, 0, 5, 3, 4), op(Read, 0, 3, 7, 8)}},
		"below zero refused":  {true, []Op{op(Set, 1, 1, 0, 1), with(op(Adjust, -2, 0, 2, 3), Refused)}},
		"open, happened":      {true, []Op{with(op(Adjust, 5, 0, 0, 0), Open), op(Read, 0, 0, 1, 2), op(Read, 0, 5, 3, 4)}},
		"open, never was":     {true, []Op{with(op(Adjust, 5, 0, 0, 0), Open), op(Read, 0, 0, 1, 2), op(Read, 0, 0, 3, 4)}},
		"an order":            {true, []Op{order(Place, "", 0, 5), order(Look, "paid", 6, 7), order(Fulfil, "", 8, 9), order(Look, "fulfilled", 10, 11)}},
		"an order sent once":  {true, []Op{order(Place, "", 0, 1), order(Fulfil, "", 2, 5), with(order(Fulfil, "", 2, 5), Refused)}},

		"a lost write":             {false, []Op{op(Adjust, 5, 5, 0, 1), op(Read, 0, 0, 2, 3)}},
		"a stale read":             {false, []Op{op(Adjust, 5, 5, 0, 1), op(Adjust, 1, 6, 2, 3), op(Read, 0, 5, 4, 5)}},
		"a read from the future":   {false, []Op{op(Read, 0, 5, 0, 1), op(Adjust, 5, 5, 2, 3)}},
		"a double apply":           {false, []Op{op(Adjust, 5, 5, 0, 1), op(Read, 0, 10, 2, 3)}},
		"two answers of one stock": {false, []Op{op(Adjust, 5, 5, 0, 9), op(Adjust, 5, 5, 0, 9)}},
		"an oversale":              {false, []Op{op(Set, 1, 1, 0, 1), op(Sell, 1, 0, 2, 5), op(Sell, 1, 0, 2, 5)}},
		"a refusal without reason": {false, []Op{op(Set, 5, 5, 0, 1), with(op(Adjust, -2, 0, 2, 3), Refused)}},
		"open and undone":          {false, []Op{with(op(Adjust, 5, 0, 0, 0), Open), op(Read, 0, 5, 1, 2), op(Read, 0, 0, 3, 4)}},
		"an order that went away":  {false, []Op{order(Place, "", 0, 1), order(Look, "", 2, 3)}},
		"an order given twice":     {false, []Op{order(Place, "", 0, 5), order(Place, "", 1, 6)}},
		"an order unsent again":    {false, []Op{order(Place, "", 0, 1), order(Fulfil, "", 2, 3), order(Look, "paid", 4, 5)}},
	} {
		v := Check(c.ops, limit)
		if len(v.Undecided) > 0 || (len(v.Illegal) == 0) != c.legal {
			t.Errorf("%s: legal is %v, found %+v", name, c.legal, v)
		}
		for _, f := range v.Illegal {
			var page bytes.Buffer
			if err := f.Draw(&page); err != nil || !strings.Contains(f.Text, c.ops[0].Object) || page.Len() == 0 {
				t.Errorf("%s: drawn with %v, explained as %q", name, err, f.Text)
			}
		}
	}
}

func TestConserve(t *testing.T) {
	place := func(key string) Op { o := order(Place, "", 0, 1); o.Key = key; return o }
	for name, c := range map[string]struct {
		have int64
		bad  bool
		ops  []Op
	}{
		"adds up":       {4, false, []Op{op(Adjust, 5, 5, 0, 1), op(Sell, 1, 0, 2, 3), place("a")}},
		"lost":          {-1, true, []Op{op(Adjust, 5, 5, 0, 1), op(Sell, 1, 0, 2, 3)}},
		"applied twice": {9, true, []Op{op(Adjust, 5, 5, 0, 1), op(Sell, 1, 0, 2, 3)}},
		"open":          {9, false, []Op{op(Adjust, 5, 5, 0, 1), with(op(Adjust, 4, 0, 2, 3), Open)}},
		"counted":       {9, false, []Op{op(Set, 9, 9, 0, 1)}},
		"one order id":  {0, true, []Op{place("a"), place("b")}},
	} {
		if got := Conserve(c.ops, map[string]int64{"SKU": c.have}); (len(got) > 0) != c.bad {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLongHistory shows that what a round records is decided quickly, with a few open outcomes. Their
// number is what counts, since any subset of them may have happened: rounds find out what became of theirs.
func TestLongHistory(t *testing.T) {
	var ops []Op
	var onHand int64
	for i := range 2000 {
		onHand++
		o := op(Adjust, 1, onHand, i*10, i*10+25) // each overlaps with the next two
		o.Client = i % 16
		ops = append(ops, o)
		if i%700 == 0 {
			never := with(op(Adjust, 1000, 0, i*10, 0), Open)
			never.Key = fmt.Sprint(i)
			ops = append(ops, never)
		}
	}
	if v := Check(ops, limit); len(v.Illegal)+len(v.Undecided) > 0 {
		t.Errorf("%+v", v)
	}
	ops[1500].OnHand++
	if v := Check(ops, limit); len(v.Illegal) != 1 {
		t.Errorf("a wrong answer in 2000 was not found: %+v", v)
	}
}

func TestRecorder(t *testing.T) {
	r := NewRecorder()
	before := r.Now()
	r.Add(op(Read, 0, 0, 1, 2))
	if len(r.Ops()) != 1 || r.Now() < before {
		t.Error("the recorder lost an operation, or its clock went back")
	}
}
