package analytics

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

func TestOutboxIsExactlyOnce(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Edge: "edge-a"})
	b := openTest(t, Config{Addr: e.url(), Edge: "edge-b"})
	now := time.Now()
	list := []api.OutboxSlice{
		{Slice: 1, Entries: []api.OutboxEntry{order(1, now, "s1", "mug", 2, 2500), order(2, now, "s2", "jug", 1, 900)}},
		{Slice: 2, Entries: []api.OutboxEntry{order(3, now, "s3", "mug", 1, 1250)}},
	}
	back := order(4, now, "s1", "mug", 2, 2500)
	back.Type, back.Refunded = "order_refunded", &api.Money{Amount: 2500, Currency: "EUR"}
	list[1].Entries = append(list[1].Entries, back)
	for _, edge := range []*Analytics{a, b} { // the second never heard of the first's acknowledgement
		box := &sliceList{list: list}
		for _, want := range []int{2, 2, 0} {
			if n, err := edge.DeliverOutbox(t.Context(), box); err != nil || n != want {
				t.Fatal(n, err)
			}
		}
		if len(box.done) != 2 {
			t.Fatalf("acknowledged %v", box.done)
		}
	}
	for _, table := range []string{"orders", "sales"} {
		if rows, ids := e.number("SELECT count() FROM "+table), e.number("SELECT uniqExact(id) FROM "+table); rows != 4 || ids != 4 {
			t.Errorf("%s: %d rows, %d ids", table, rows, ids)
		}
	}
	if n := e.number("SELECT sum(total) FROM sales WHERE kind = 'order_placed'"); n != 2500+900+1250+3*490 {
		t.Errorf("revenue %d", n)
	}
	if got, again := orderID(1, 7), orderID(1, 7); got != again || got == orderID(2, 7) || got == orderID(1, 8) || got.Version() != 8 || got.Variant() != uuid.RFC4122 {
		t.Errorf("ids: %v %v", got, again)
	}
	broken := &sliceList{list: []api.OutboxSlice{{Slice: 3, Entries: []api.OutboxEntry{{Seq: 9, At: "yesterday"}}}}}
	if _, err := a.DeliverOutbox(t.Context(), broken); err == nil || len(broken.done) != 0 {
		t.Errorf("an entry without a time: %v, done %v", err, broken.done)
	}
}

// TestAbandonedOrdersCountNowhere: orders that were carried over, and then lost with every core, are in no
// report after a restore; what was sold since is, and repeats change nothing.
func TestAbandonedOrdersCountNowhere(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	now := time.Now()
	deliver := func(s api.OutboxSlice) {
		t.Helper()
		if _, err := a.DeliverOutbox(t.Context(), &sliceList{list: []api.OutboxSlice{s}}); err != nil {
			t.Fatal(err)
		}
	}
	revenue := func() uint64 { return e.number("SELECT sum(subtotal) FROM sales WHERE kind = 'order_placed'") }
	at := func(o api.OutboxEntry, timeline uint32) api.OutboxEntry { o.Timeline = timeline; return o }
	deliver(api.OutboxSlice{Slice: 1, Timeline: 1, Entries: []api.OutboxEntry{order(1, now, "s", "mug", 1, 1000), order(2, now, "s", "mug", 1, 200), order(3, now, "s", "mug", 1, 30)}})
	if got := revenue(); got != 1230 {
		t.Fatalf("before the restore the revenue is %d", got)
	}
	gone := []api.Abandoned{{Timeline: 1, AfterSeq: 1}, {Timeline: 2}}
	deliver(api.OutboxSlice{Slice: 0, Timeline: 3, Abandoned: gone}) // nothing has happened since
	if got := revenue(); got != 1000 {
		t.Errorf("with the second and third order lost the revenue is %d", got)
	}
	three := api.OutboxSlice{Slice: 2, Timeline: 3, Abandoned: gone, Entries: []api.OutboxEntry{at(order(2, now, "s", "mug", 1, 7), 3), at(order(3, now, "s", "mug", 1, 7), 3)}}
	deliver(three)
	deliver(three)
	if got := revenue(); got != 1014 {
		t.Errorf("with two orders of the new timeline the revenue is %d", got)
	}
	late := api.OutboxSlice{Slice: 9, Timeline: 2, Entries: []api.OutboxEntry{at(order(2, now, "s", "mug", 1, 500), 2)}}
	deliver(late) // by an edge that was slow
	if got := revenue(); got != 1014 {
		t.Errorf("with a late order of an abandoned timeline the revenue is %d", got)
	}
	if got := e.number("SELECT count() FROM orders"); got != 6 {
		t.Errorf("%d rows: what was carried over is kept, and not shown", got)
	}
}

func TestRunOutboxStopsWithItsContext(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url()})
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	box := &failing{sliceList: sliceList{list: []api.OutboxSlice{{Slice: 1, Entries: []api.OutboxEntry{order(1, time.Now(), "s", "mug", 1, 5)}}}}, fails: 3}
	go func() { a.RunOutbox(ctx, box); close(finished) }()
	eventually(t, "delivered despite a failing source", func() bool { return a.Stats().OutboxSlices == 1 })
	cancel()
	<-finished
	if n := e.number("SELECT count() FROM orders"); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// failing is an outbox behind a core that is not there at first.
type failing struct {
	sliceList
	fails int
}

func (f *failing) Next(ctx context.Context) (api.OutboxSlice, error) {
	if f.fails > 0 {
		f.fails--
		return api.OutboxSlice{}, errors.New("no leader")
	}
	return f.sliceList.Next(ctx)
}
