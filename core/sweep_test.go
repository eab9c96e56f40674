package core_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"meridian/api"
	"meridian/core"
)

const day int64 = 24 * 60 * 60 * 1000

// TestLinesOfTheLedgerByBothRules: a log that an older program began goes on under the newer rules, and
// the ledger adds up over both.
func TestLinesOfTheLedgerByBothRules(t *testing.T) {
	apply := func(path string) *core.Machine {
		m := openMachine(t, path)
		t.Cleanup(func() { m.Close() })
		for i := range 40 {
			head := core.Header(int64(1000+i), 0, 0)
			if i < 20 {
				head = core.HeaderOf(1, int64(1000+i))
			}
			sku := fmt.Sprintf("SKU-%d", i%3)
			commands := [][]byte{core.Count(sku, int64(i))}
			if i == 0 {
				commands = [][]byte{core.PutProducts(map[string][]string{"p": {"SKU-0", "SKU-1", "SKU-2"}}, "p")}
			}
			for _, r := range m.Apply(uint64(i+1), 1, head, commands) {
				if err := r.(interface{ Refusal() error }).Refusal(); err != nil {
					t.Fatalf("entry %d: %v", i+1, err)
				}
			}
		}
		return m
	}
	m := apply(filepath.Join(t.TempDir(), "one.db"))
	other := apply(filepath.Join(t.TempDir(), "other.db"))
	if m.Hash() != other.Hash() {
		t.Errorf("two replicas have %016x and %016x", m.Hash(), other.Hash())
	}
	old, ordered := m.LedgerKeys()
	if old == 0 || ordered == 0 {
		t.Errorf("%d lines filed by SKU, %d in order", old, ordered)
	}
	r, err := m.Check()
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("%v, %v", r.Problems, err)
	}
}

// TestKeysGoAsFastAsTheyCome: however many keys an hour makes, what is dropped keeps up with what is made.
func TestKeysGoAsFastAsTheyCome(t *testing.T) {
	m := openMachine(t, filepath.Join(t.TempDir(), "state.db"))
	t.Cleanup(func() { m.Close() })
	index, now := uint64(0), int64(1_700_000_000_000)
	key := 0
	entry := func(keys int) {
		index++
		commands := [][]byte{core.Tick()}
		for range keys {
			key++
			commands = append(commands, core.KeyedTick("anonymous", fmt.Sprintf("edge edge-eu %08d", key)))
		}
		m.Apply(index, 1, core.Header(now, 0, 0), commands)
	}
	const perEntry, entries = 3000, 4 // an hour
	most := 0
	for hour := range 8 {
		for range entries {
			entry(perEntry)
			now += 3_600_000 / entries
		}
		most = max(most, m.Keys())
		if hour == 7 && m.Keys() > 4*perEntry*entries {
			t.Errorf("%d keys after 8 hours of %d, though a key lives for an hour or two", m.Keys(), perEntry*entries)
		}
	}
	now += 4 * 3_600_000
	for last := m.Keys(); m.Keys() > 0; last = m.Keys() {
		entry(0)
		now += 1000
		if m.Keys() == last {
			t.Fatalf("%d keys stay when nobody makes any", last)
		}
	}
	if m.KeyBuckets() != 0 {
		t.Errorf("%d buckets without keys", m.KeyBuckets())
	}
	if most == 0 {
		t.Error("no key was made")
	}
}

// TestAKeyLivesItsTime: a key answers until its time is over, also while others are dropped.
func TestAKeyLivesItsTime(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	first := get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: 1, Reason: "delivery"}, s.staffCall("one"))
	c := s.cart("A", 1)
	o := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "buy"})
	s.at(core.NowOf(s.machine)+6*day, core.Tick())
	if again := get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "buy"}); again.ID != o.ID {
		t.Errorf("after six days the key made another order, %s", again.ID)
	}
	if again := get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: 1, Reason: "delivery"}, s.staffCall("one")); again != first {
		t.Errorf("after six days: %+v, at first %+v", again, first)
	}
}

// TestABoughtCartHasNoRow: what is empty is in no table, and is still a cart.
func TestABoughtCartHasNoRow(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	c := s.cart("A", 2)
	if s.machine.Carts() != 1 {
		t.Fatalf("%d carts", s.machine.Carts())
	}
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "buy"})
	if n := s.machine.Carts(); n != 0 {
		t.Errorf("%d carts after all was bought", n)
	}
	if got := get(s, api.CartsGet, api.CartQuery{ID: c.ID}, api.Call{}); len(got.Lines) != 0 || got.Currency != "EUR" {
		t.Errorf("the cart that was bought is %+v", got)
	}
	refused(s, api.CodeInvalid, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "again"})
	// A checkout that looked before the cart was bought up is refused alike.
	v, err := s.log.Propose(context.Background(), core.ReserveGiven(c.ID))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.(interface{ Refusal() error }).Refusal(); api.CodeOf(err) != api.CodeInvalid {
		t.Errorf("a reservation of an empty cart was answered %v", err)
	}
	if got := get(s, api.CartsPutLine, api.PutLine{Cart: c.ID, SKU: "A", Quantity: 1}, api.Call{}); len(got.Lines) != 1 {
		t.Errorf("%+v", got)
	}
	get(s, api.CheckoutCart, purchase(c.ID, "tok_ok"), api.Call{Key: "third"})
	s.wantStock("A", 2, 0)
}

// TestCartsEnd: a cart is empty again 30 days after its last change, and one that was changed stays.
func TestCartsEnd(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 500)
	var old []string
	for range 40 { // more than one tick looks at
		old = append(old, s.cart("A", 1).ID)
	}
	kept := s.cart("A", 1).ID
	begun := core.NowOf(s.machine)
	s.at(begun+20*day, core.Tick())
	s.at(begun+20*day+1000, core.PutLine(kept, "A", 3))
	now := begun + 29*day
	s.at(now, core.Tick())
	if n := s.machine.Carts(); n != 41 {
		t.Fatalf("%d of 41 carts after 29 days", n)
	}
	now = begun + 31*day
	for range 20 {
		now += 1000
		s.at(now, core.Tick())
	}
	if n := s.machine.Carts(); n != 1 {
		t.Fatalf("%d carts after 31 days", n)
	}
	for _, id := range []string{old[0], old[39]} {
		if got := get(s, api.CartsGet, api.CartQuery{ID: id}, api.Call{}); len(got.Lines) != 0 {
			t.Errorf("an old cart is %+v", got)
		}
	}
	if got := get(s, api.CartsGet, api.CartQuery{ID: kept}, api.Call{}); len(got.Lines) != 1 || got.Lines[0].Quantity != 3 {
		t.Errorf("the cart that was changed is %+v", got)
	}
}
