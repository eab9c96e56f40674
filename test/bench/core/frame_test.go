package main

import (
	"encoding/json"
	"strings"
	"testing"

	"meridian/api"
)

func TestFrameIsOneOfTheContract(t *testing.T) {
	calls := []frameCall{
		{endpoint: api.StockAdjust.Name, key: []byte("k1"), body: appendAdjust(nil, 7)},
		{endpoint: api.StockGet.Name, body: []byte(`{"sku":"SKU-00001"}`)},
	}
	var f api.Frame
	if err := json.Unmarshal(appendFrame(nil, calls, 6000), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Calls) != 2 || f.Calls[0].Name != "stock.adjust" || f.Calls[0].Key != "k1" || f.Calls[0].RequestID != "k1" || f.Calls[0].DeadlineMS != 6000 ||
		f.Calls[0].Credential != "staff:"+staffToken || f.Calls[1].Key != "" || string(f.Calls[1].Body) != `{"sku":"SKU-00001"}` {
		t.Errorf("%+v", f)
	}
}

func TestFrameResults(t *testing.T) {
	answer := func(statuses ...int) []byte {
		var out api.FrameResults
		for _, s := range statuses {
			out.Results = append(out.Results, api.FrameResult{Status: s, Body: api.RawJSON(`{}`)})
		}
		b, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !allSucceeded(answer(200, 200), 2) || allSucceeded(answer(200, 503), 2) || allSucceeded(answer(200), 2) {
		t.Error("a frame's successes are miscounted")
	}
	if _, err := frameResults(answer(200), 2); err == nil {
		t.Error("a missing result was not noticed")
	}
	if r, err := frameResults(answer(200, 503), 2); err != nil || r[1].Status != 503 {
		t.Errorf("%v %v", r, err)
	}
}

// TestOnlyTheUndecidedIsSentAgain: an outcome that is known must not be asked for again, one that is
// not known must be, under its key.
func TestOnlyTheUndecidedIsSentAgain(t *testing.T) {
	p := &caller{patience: patience}
	p.encode([]command{{sku: 1}, {sku: 2}, {sku: 3}})
	if err := p.settle(1, 504, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(2, 200, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(0, 200, nil); err != nil {
		t.Fatal(err)
	}
	if len(p.open) != 1 || p.open[0] != 1 {
		t.Errorf("open are %v, want the second only", p.open)
	}
	if err := p.settle(0, 409, []byte("out of stock")); err == nil || !strings.Contains(err.Error(), "out of stock") {
		t.Errorf("a refusal became %v", err)
	}
	if err := p.settle(0, 421, nil); err == nil {
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
