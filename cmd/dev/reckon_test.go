package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/api"
)

// TestReckoningSeesEachKindOfFault breaks one figure at a time.
func TestReckoningSeesEachKindOfFault(t *testing.T) {
	order := func(status string) api.StaffOrder {
		o := api.StaffOrder{}
		o.ID, o.Status, o.Totals.Total.Amount = "o1", status, 1999
		return o
	}
	good := charge{ID: "ch1", Order: "o1", State: "captured", Captured: 1999}
	for _, c := range []struct {
		name    string
		paid    bool
		order   *api.StaffOrder
		charges []charge
		want    string
	}{
		{"all equal", true, new(order(api.OrderPaid)), []charge{good}, ""},
		{"a charge of someone else", true, new(order(api.OrderPaid)), []charge{good, {ID: "ch2", Order: "o9", State: "authorized"}}, ""},
		{"a declined and a voided try", true, new(order(api.OrderPaid)), []charge{{ID: "ch0", Order: "o1", State: "voided"}, good}, ""},
		{"paid twice", true, new(order(api.OrderPaid)), []charge{good, {ID: "ch2", Order: "o1", State: "captured", Captured: 1999}}, "paid by 2 charges"},
		{"paid by nothing", true, new(order(api.OrderPaid)), nil, "paid by 0 charges"},
		{"money left open", true, new(order(api.OrderPaid)), []charge{good, {ID: "ch2", Order: "o1", State: "authorized"}}, "neither captured nor voided"},
		{"another amount", true, new(order(api.OrderPaid)), []charge{{ID: "ch1", Order: "o1", State: "captured", Captured: 2000}}, "took 2000"},
		{"charged for nothing", false, new(order(api.OrderCancelled)), []charge{good}, "captured for order o1, which is cancelled"},
		{"an order nobody was told of", false, new(order(api.OrderPaid)), []charge{good}, "no buyer was told"},
		{"an answer without an order", true, nil, nil, "does not exist"},
		{"a payment still open", false, new(order(api.OrderPendingPayment)), nil, "still waiting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &reckoning{orders: map[string]int{}}
			paid, orders := map[string]api.Order{}, map[string]api.StaffOrder{}
			if c.paid {
				paid["o1"] = api.Order{ID: "o1", Status: api.OrderPaid}
			}
			if c.order != nil {
				orders["o1"] = *c.order
			}
			r.compareOrders(paid, orders)
			r.compareCharges(orders, c.charges)
			got := strings.Join(r.wrong, "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Fatalf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestGallery(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"pictures/mug-1-320.avif", "pictures/mug-1-320.jpg", "pictures/mug-1-960.avif", "pictures/lamp-2-640.jpg", "pictures/manifest.json", "clips/mug.mp4", "clips/other.mp4"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, err := hang(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.pictures["mug-1.jpg"]) != 3 || len(g.pictures["lamp-2.jpg"]) != 1 || len(g.clips) != 2 {
		t.Fatalf("%+v", g)
	}
	if p := g.poster("mug.mp4"); p != "mug-1.jpg" {
		t.Fatalf("poster %q", p)
	}
	set, err := readSet(g.pictures["mug-1.jpg"])
	if err != nil || len(set) != 3 {
		t.Fatalf("%v %+v", err, set)
	}
	before, err := catalogueSum(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "clips/mug.mp4"), []byte("longer than before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, err := catalogueSum(g); err != nil || after == before {
		t.Fatalf("a changed clip is not seen: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pictures/Mug.png"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hang(dir); err == nil {
		t.Fatal("a picture nobody would see was passed over")
	}
}
