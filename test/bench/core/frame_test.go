package main

import (
	"strings"
	"testing"

	"meridian/api"
)

// TestAdjustIsOneOfTheContract: what is timed decodes to the decrement that it stands for.
func TestAdjustIsOneOfTheContract(t *testing.T) {
	p := &caller{}
	want := api.AdjustStock{SKU: "SKU-00007", Delta: -1, Reason: "sold"}
	p.encode([]command{{sku: 7}, {sku: 8}})
	var got api.AdjustStock
	if err := got.ParseCompact(string(p.bodies[0])); err != nil || got != want {
		t.Errorf("%x: %+v, %v", p.bodies[0], got, err)
	}
}

// TestAllSucceeded compares the shortcut with the contract's own reading.
func TestAllSucceeded(t *testing.T) {
	answer := func(statuses ...int) []byte {
		var out api.FrameResults
		for i, s := range statuses {
			out.Results = append(out.Results, api.FrameResult{Status: s, Compact: i%2 == 0, Replay: i%3 == 0, Index: api.Index{Timeline: 1, Raft: 1 << 40}, Body: []byte("a body")})
		}
		return out.Append(nil)
	}
	for _, c := range []struct {
		body []byte
		n    int
		want bool
	}{
		{answer(200, 200, 200), 3, true}, {answer(200), 1, true}, {answer(200, 503), 2, false}, {answer(421, 200), 2, false},
		{answer(200), 2, false}, {answer(200, 200), 1, false}, {nil, 1, false}, {append(answer(200), 0), 1, false},
	} {
		if got := allSucceeded(c.body, c.n); got != c.want {
			t.Errorf("%x of %d calls: %v", c.body, c.n, got)
		}
	}
	whole := answer(200, 200)
	for n := range whole {
		if allSucceeded(whole[:n], 2) {
			t.Errorf("the first %d bytes of %x passed for all", n, whole)
		}
	}
}

// TestFrameOfOne: what is left of a frame goes as a frame.
func TestFrameOfOne(t *testing.T) {
	p := &caller{patience: patience}
	p.encode([]command{{sku: 2}, {sku: 3}})
	if err := p.settle(0, 200, ""); err != nil {
		t.Fatal(err)
	}
	p.frameCalls()
	f, err := api.ParseFrame(string(api.Frame{Calls: p.calls}.Append(nil)), 10)
	if err != nil || len(f.Calls) != 1 {
		t.Fatalf("%+v %v", f, err)
	}
	var left api.AdjustStock
	c := f.Calls[0]
	if err := left.ParseCompact(c.Body); err != nil || left.SKU != skuName(3) || c.Key != string(p.keys[1]) || c.RequestID != c.Key ||
		c.Name != api.StockAdjust.Name || !c.Compact || c.DeadlineMS != patience.Milliseconds() {
		t.Errorf("%+v of %+v, %v", left, c, err)
	}
}

// TestOnlyTheUndecidedIsSentAgain: an outcome that is known must not be asked for again, one that is
// not known must be, under its key.
func TestOnlyTheUndecidedIsSentAgain(t *testing.T) {
	p := &caller{patience: patience}
	p.encode([]command{{sku: 1}, {sku: 2}, {sku: 3}})
	if err := p.settle(1, 504, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(2, 200, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(0, 200, ""); err != nil {
		t.Fatal(err)
	}
	if len(p.open) != 1 || p.open[0] != 1 {
		t.Errorf("open are %v, want the second only", p.open)
	}
	if err := p.settle(0, 409, "out of stock"); err == nil || !strings.Contains(err.Error(), "out of stock") {
		t.Errorf("a refusal became %v", err)
	}
	if err := p.settle(0, 421, ""); err == nil {
		t.Error("a node that does not lead was taken at its word")
	}
}

func TestConservation(t *testing.T) {
	d := &drive{sold: newLedger()}
	before, after := make([]int64, skuCount+1), make([]int64, skuCount+1)
	for i := range before {
		before[i], after[i] = 10, 10
	}
	d.sold[3].Add(2)
	after[3] = 8
	if err := d.conserved(before, after); err != nil {
		t.Error(err)
	}
	after[3] = 7
	if err := d.conserved(before, after); err == nil || !strings.Contains(err.Error(), "SKU 3: 2 acknowledged, 3 gone") {
		t.Errorf("a unit that nobody bought went unnoticed: %v", err)
	}
	after[3], after[4] = 8, 11
	if err := d.conserved(before, after); err == nil {
		t.Error("a unit that came from nowhere went unnoticed")
	}
}
