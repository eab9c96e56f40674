package analytics

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// shopper makes events from a seed, which is printed when a test fails.
type shopper struct{ r *rand.Rand }

func newShopper(t *testing.T) *shopper {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return &shopper{rand.New(rand.NewPCG(seed, 1))}
}

func (s *shopper) id() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return uuid.UUID(b).String()
}

func (s *shopper) event(at time.Time) api.Event {
	types := []string{"view_item", "view_item", "view_item", "add_to_cart", "begin_checkout", "search", "rec_impression", "rec_click"}
	e := api.Event{ID: s.id(), Type: types[s.r.IntN(len(types))], At: at.UTC().Format(time.RFC3339Nano),
		Session: fmt.Sprintf("s%d", s.r.IntN(40)), Visitor: fmt.Sprintf("v%d", s.r.IntN(20))}
	switch e.Type {
	case "search":
		n := int64(s.r.IntN(3))
		e.Query, e.Results = "Teal Mug", &n
	case "rec_impression", "rec_click":
		e.Slot, e.Algorithm, e.Version = "home", "pairs", "7"
		fallthrough
	default:
		e.Items = []api.EventItem{{ItemID: fmt.Sprintf("mug-%d", s.r.IntN(9)), SKU: "M-1", Quantity: 1 + int64(s.r.IntN(3)),
			Price: &api.Money{Amount: 1250, Currency: "EUR"}}}
	}
	return e
}

func (s *shopper) batch(n int, at time.Time) api.EventBatch {
	var b api.EventBatch
	for range n {
		b.Events = append(b.Events, s.event(at.Add(-time.Duration(s.r.IntN(3600))*time.Second)))
	}
	return b
}

func (s *shopper) rows(t *testing.T, n int) []Row {
	t.Helper()
	v := validator{}
	rows := v.batch(s.batch(n, time.Now()), time.Now().UTC().Truncate(time.Millisecond), false)
	if len(v.errors) > 0 {
		t.Fatal(v.errors)
	}
	return rows
}

func order(seq uint64, at time.Time, session, handle string, quantity, amount int64) api.OutboxEntry {
	m := func(a int64) api.Money { return api.Money{Amount: a, Currency: "EUR"} }
	return api.OutboxEntry{Seq: seq, Timeline: 1, At: at.UTC().Format(time.RFC3339), Type: "order_placed", Country: "DE", Session: session,
		Order: api.Order{ID: fmt.Sprintf("o-%d", seq), Number: fmt.Sprint(1000 + seq),
			Lines:  []api.OrderLine{{SKU: "M-1", Handle: handle, Quantity: quantity, UnitPrice: m(amount / quantity), LineTotal: m(amount)}},
			Totals: api.Totals{Subtotal: m(amount), Shipping: m(490), Total: m(amount + 490)}}}
}
