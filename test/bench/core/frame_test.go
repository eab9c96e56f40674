package main

import (
	"encoding/json"
	"strings"
	"testing"

	"meridian/api"
)

// TestAdjustIsOneOfTheContract: what is timed decodes to the decrement that it stands for, alone and in a frame.
func TestAdjustIsOneOfTheContract(t *testing.T) {
	p := &caller{}
	want := api.AdjustStock{SKU: "SKU-00007", Delta: -1, Reason: "sold"}
	p.encode([]command{{sku: 7}})
	var alone, framed api.AdjustStock
	if err := json.Unmarshal(p.bodies[0], &alone); err != nil || alone != want {
		t.Errorf("%s: %+v, %v", p.bodies[0], alone, err)
	}
	p.encode([]command{{sku: 7}, {sku: 8}})
	if err := framed.ParseCompact(string(p.compact[0])); err != nil || framed != want {
		t.Errorf("%x: %+v, %v", p.compact[0], framed, err)
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
