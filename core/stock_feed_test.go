package core_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
)

func feedOf(source string, sequence int64, items ...api.FeedItem) api.StockFeed {
	return api.StockFeed{Source: source, Sequence: sequence, Items: items}
}

// TestFeedInAnyOrder delivers the messages of two warehouses in order to one shop, and shuffled,
// repeated and from many at once to another: both shops count the same. The seed replays the order.
func TestFeedInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 4))
	locations := map[string]string{"wms-eu": "main", "wms-ap": "tokyo"}
	const skus = 12
	var messages []api.StockFeed
	for seq := range int64(40) {
		for source, location := range locations {
			m := feedOf(source, seq+1)
			for range 1 + rnd.IntN(6) {
				item := api.FeedItem{SKU: fmt.Sprintf("S%d", rnd.IntN(skus)), Location: location, OnHand: rnd.Int64N(500)}
				if !hasSKU(m.Items, item.SKU) {
					m.Items = append(m.Items, item)
				}
			}
			messages = append(messages, m)
		}
	}
	fill := func(s *shop) {
		s.locations("main", "tokyo")
		for i := range skus {
			s.mugs(fmt.Sprintf("S%d", i), 7)
		}
	}
	straight := newShop(t)
	fill(straight)
	for i, m := range messages {
		if r := get(straight, api.StockFeedPost, m, straight.staffCall(keyN(i))); r.Applied != len(m.Items) {
			t.Fatalf("in order: %+v", r)
		}
	}
	crooked := newShop(t)
	fill(crooked)
	mixed := append(append([]api.StockFeed(nil), messages...), messages...)
	rnd.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < len(mixed); i += 4 {
				if _, _, err := ask(crooked, api.StockFeedPost, mixed[i], crooked.staffCall(fmt.Sprintf("m-%d", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range skus {
		sku := fmt.Sprintf("S%d", i)
		want := get(straight, api.StockViewGet, api.StockQuery{SKU: sku}, straight.staffCall("")).Locations
		got := get(crooked, api.StockViewGet, api.StockQuery{SKU: sku}, crooked.staffCall("")).Locations
		if len(got) != len(want) {
			t.Fatalf("%s: %+v, in order %+v", sku, got, want)
		}
		for j := range want {
			if got[j].Location != want[j].Location || got[j].OnHand != want[j].OnHand {
				t.Errorf("%s at %s: %d, in order %d", sku, want[j].Location, got[j].OnHand, want[j].OnHand)
			}
		}
	}
	if m := replay(t, crooked, func(i int) bool { return i%9 == 0 }); m.Hash() != crooked.machine.Hash() {
		t.Error("a replica that applied the same log differs")
	}
}

func hasSKU(items []api.FeedItem, sku string) bool {
	for _, i := range items {
		if i.SKU == sku {
			return true
		}
	}
	return false
}

func TestFeedOutcomes(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	send := func(key string, m api.StockFeed) api.StockFeedResult {
		t.Helper()
		return get(s, api.StockFeedPost, m, s.staffCall(key))
	}
	count := func(n int64) api.FeedItem { return api.FeedItem{SKU: "A", OnHand: n} }
	r := send("1", feedOf("wms", 5, count(8), api.FeedItem{SKU: "GHOST", OnHand: 1}, api.FeedItem{SKU: "A", Location: "tokio", OnHand: 1},
		api.FeedItem{SKU: "A", OnHand: -1, Sequence: 6}, api.FeedItem{SKU: "A", OnHand: 9, Sequence: 7}))
	want := []string{api.FeedApplied, api.FeedRefused, api.FeedRefused, api.FeedRefused, api.FeedApplied}
	for i, o := range r.Items {
		if o.Outcome != want[i] || (o.Outcome == api.FeedRefused) != (o.Detail != "") {
			t.Errorf("item %d: %+v", i, o)
		}
	}
	if r.Applied != 2 || r.Refused != 3 || r.Items[1].Code != api.CodeNotFound || r.Items[2].Code != api.CodeInvalid || r.Items[4].OnHand != 9 {
		t.Errorf("%+v", r)
	}
	if late := send("2", feedOf("wms", 6, count(3))); late.Stale != 1 || late.Items[0].Latest != 7 || late.Items[0].OnHand != 9 {
		t.Errorf("a late count: %+v", late)
	}
	if again := send("3", feedOf("wms", 7, count(9))); again.Applied != 1 || !again.Items[0].Repeat {
		t.Errorf("a repeat: %+v", again)
	}
	if other := send("4", feedOf("wms", 7, count(4))); other.Refused != 1 || other.Items[0].Code != api.CodeConflict {
		t.Errorf("another count under a sequence: %+v", other)
	}
	s.buy("order", "A", 2)
	if again := send("5", feedOf("wms", 7, count(9))); !again.Items[0].Repeat || s.stockOf("A").OnHand != 7 {
		t.Errorf("a repeat after a sale brought its units back: %+v", s.stockOf("A"))
	}
	if other := send("6", feedOf("till", 1, count(6))); other.Applied != 1 { // sequences of sources are apart
		t.Errorf("%+v", other)
	}
	first := send("7", feedOf("till", 2, count(5)))
	send("8", feedOf("till", 3, count(4)))
	replayed, meta, err := ask(s, api.StockFeedPost, feedOf("till", 2, count(5)), s.staffCall("7"))
	if err != nil || !meta.Replay || len(replayed.Items) != 1 || replayed.Items[0] != first.Items[0] {
		t.Errorf("the key's first answer was %+v, then %+v %+v %v", first, replayed, meta, err)
	}
	for name, bad := range map[string]api.StockFeed{
		"source":   feedOf("", 1, count(1)),
		"sequence": feedOf("wms", 0, count(1)),
		"items":    feedOf("wms", 1),
	} {
		if e := refused(s, api.CodeInvalid, api.StockFeedPost, bad, s.staffCall("")); e.Errors[0].Field != name {
			t.Errorf("%s: %+v", name, e.Errors)
		}
	}
	refused(s, api.CodeInvalid, api.StockFeedPost, feedOf("wms", 1, make([]api.FeedItem, api.MaxFeedItems+1)...), s.staffCall(""))
	refused(s, api.CodeForbidden, api.StockFeedPost, feedOf("wms", 1, count(1)), api.Call{Credential: "staff:token-of-the-operator"})
}

// TestFeedLeavesWhatIsReserved: a warehouse counts fewer than orders hold while they are being paid.
func TestFeedLeavesWhatIsReserved(t *testing.T) {
	s, p := withClerk(t)
	s.mugs("A", 5)
	var during api.StockFeedResult
	p.before = func(core.PaymentRequest) {
		during = get(s, api.StockFeedPost, feedOf("wms", 1, api.FeedItem{SKU: "A", OnHand: 1}), s.staffCall("k"))
	}
	s.buy("order", "A", 3)
	if during.Clamped != 1 || during.Items[0].OnHand != 3 || during.Items[0].Reserved != 3 || during.Items[0].Available != 0 || during.Items[0].Detail == "" {
		t.Errorf("%+v", during)
	}
	s.wantStock("A", 0, 0)
	if again := get(s, api.StockFeedPost, feedOf("wms", 1, api.FeedItem{SKU: "A", OnHand: 1}), s.staffCall("k2")); again.Clamped != 1 || !again.Items[0].Repeat {
		t.Errorf("%+v", again)
	}
	s.wantStock("A", 0, 0)
}

// TestLargestFeedFits: a thousand of the longest items fit into one command of the log.
func TestLargestFeedFits(t *testing.T) {
	s := newShop(t)
	long := func(i int) string { return fmt.Sprintf("%064d", i) }
	m := feedOf(long(0), 1<<53)
	for i := range api.MaxFeedItems {
		m.Items = append(m.Items, api.FeedItem{SKU: long(i), Location: long(i), OnHand: 1_000_000_000, Sequence: 1 << 53})
	}
	if r := get(s, api.StockFeedPost, m, s.staffCall("k")); r.Refused != api.MaxFeedItems {
		t.Errorf("%d refused", r.Refused)
	}
}
