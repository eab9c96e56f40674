package core_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
	"meridian/core/seal"
)

// mint is the provider and the keyring that a shop and its restored self share.
type mint struct {
	core.Payments
	ring *seal.Keyring
}

func newMint(t *testing.T) mint {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(filepath.Join(dir, "keyring"), true)
	if err != nil {
		t.Fatal(err)
	}
	return mint{newProvider(t, dir), ring}
}

func (b mint) join(c *core.ServiceConfig) { c.Payments, c.Keyring = b.Payments, b.ring }

// saved is the stream of a full backup.
func saved(t *testing.T, m *core.Machine) ([]byte, core.Backup) {
	t.Helper()
	b, err := m.Backup()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var out bytes.Buffer
	if _, err := b.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), b
}

// restored is a shop that begins a new timeline with a backup.
func restored(t *testing.T, stream []byte, timeline uint32, b mint, change ...func(*core.ServiceConfig)) *shop {
	t.Helper()
	m := openMachine(t, filepath.Join(t.TempDir(), "restored.db"))
	if err := m.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	if err := m.BeginTimeline(timeline, time.Now()); err != nil {
		t.Fatal(err)
	}
	at, _ := m.Applied()
	return newShop(t, append([]func(*core.ServiceConfig){b.join, func(c *core.ServiceConfig) {
		c.Machine, c.Log = m, &aloneLog{m: m, base: at}
	}}, change...)...)
}

// reign runs a shop's leader until the test, or the returned function, ends it.
func (s *shop) reign() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.service.Lead(ctx) }()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop
}

func (s *shop) operator() api.Call { return api.Call{Credential: "staff:token-of-the-operator"} }

func (s *shop) differences() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	for _, d := range get(s, api.Differences, api.Page{}, s.operator()).Items {
		if !d.Done {
			s.t.Errorf("%+v is not done", d)
		}
		out[d.Order] = d.Action
	}
	return out
}

func (s *shop) tryBuy(sku, token, key string) (api.Order, error) {
	o, _, err := ask(s, api.CheckoutCart, purchase(s.cart(sku, 1).ID, token), api.Call{Key: key})
	return o, err
}

func (s *shop) mustBuy(sku, key string) api.Order {
	s.t.Helper()
	o, err := s.tryBuy(sku, "tok_ok", key)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// TestRestoreReconcilesCharges restores a backup that is older than what the provider has: whatever
// the lost part of the past had charged, voided or refunded is put right before anything is sold.
func TestRestoreReconcilesCharges(t *testing.T) {
	b := newMint(t)
	s := newShop(t, b.join)
	s.mugs("A", 100)
	stop := s.reign()
	kept, cancelled, halfBack := s.mustBuy("A", "1"), s.mustBuy("A", "2"), s.mustBuy("A", "3")
	status := func(s *shop, id string) string {
		return get(s, api.OrdersStaff, api.OrderQuery{ID: id}, s.staffCall("")).Payment.State
	}
	eventually(t, "the money to be taken", func() bool { return status(s, halfBack.ID) == "captured" && status(s, cancelled.ID) == "captured" })
	stop()
	notTaken := s.mustBuy("A", "4") // authorized only: nobody leads
	stream, _ := saved(t, s.machine)

	// What follows is lost.
	ctx := t.Context()
	lostOpen := s.mustBuy("A", "5")
	if _, err := b.Void(ctx, "1/"+notTaken.ID+"/1/authorize"); err != nil {
		t.Fatal(err)
	}
	stop = s.reign()
	lost := s.mustBuy("A", "6")
	eventually(t, "the money to be taken", func() bool { return status(s, lost.ID) == "captured" && status(s, lostOpen.ID) == "captured" })
	stop()
	lostAuthorized := s.mustBuy("A", "7")
	if _, err := s.tryBuy("A", "tok_declined", "8"); api.CodeOf(err) != api.CodePaymentDeclined {
		t.Fatal(err)
	}
	get(s, api.OrdersCancel, api.OrderAction{ID: cancelled.ID}, s.staffCall("c"))
	part := int64(500)
	get(s, api.OrdersRefund, api.RefundRequest{ID: halfBack.ID, Amount: &part}, s.staffCall("r"))

	r := restored(t, stream, 2, b)
	if e := refused(r, api.CodeUnavailable, api.CheckoutCart, purchase(r.cart("A", 1).ID, "tok_ok"), api.Call{Key: "9"}); e.RetryAfter < 1 {
		t.Errorf("no Retry-After: %+v", e)
	}
	refused(r, api.CodeUnavailable, api.OrdersCancel, api.OrderAction{ID: kept.ID}, r.staffCall("x"))
	refused(r, api.CodeUnavailable, api.OrdersRefund, api.RefundRequest{ID: kept.ID}, r.staffCall("y"))
	stop = r.reign()
	var after api.Order
	eventually(t, "selling to go on", func() bool {
		var err error
		after, err = r.tryBuy("A", "tok_ok", "10")
		return err == nil
	})
	if after.ID[:3] != "o2-" || after.Number[:4] != "M-2-" || kept.Number[:3] != "M-1" {
		t.Errorf("an order of the new timeline is %s, number %s; one of the old has number %s", after.ID, after.Number, kept.Number)
	}
	var paged []string
	for q := (api.OrdersQuery{Page: api.Page{Limit: 1}}); ; {
		page := get(r, api.OrdersList, q, r.staffCall(""))
		paged = append(paged, page.Items[0].Number)
		if page.Next == nil {
			break
		}
		q.After = *page.Next
	}
	if len(paged) != 5 || paged[0] != after.Number || paged[4] != kept.Number {
		t.Errorf("listed one by one: %v", paged)
	}
	got := r.differences()
	want := map[string]string{lost.ID: "refunded", lostOpen.ID: "refunded", lostAuthorized.ID: "voided", notTaken.ID: "cancelled", cancelled.ID: "refund_noted", halfBack.ID: "refund_noted"}
	if len(got) != len(want) {
		t.Errorf("differences %v, want %v", got, want)
	}
	for id, action := range want {
		if got[id] != action {
			t.Errorf("order %s: %q, want %s", id, got[id], action)
		}
	}
	for id, state := range map[string]core.PaymentState{lost.ID: core.PaymentRefunded, lostOpen.ID: core.PaymentRefunded, lostAuthorized.ID: core.PaymentVoided, kept.ID: core.PaymentCaptured} {
		if p, err := b.Lookup(ctx, "1/"+id+"/1/authorize"); err != nil || p.State != state {
			t.Errorf("the charge of %s is %q, want %s: %v", id, p.State, state, err)
		}
	}
	for id, want := range map[string]string{kept.ID: api.OrderPaid, notTaken.ID: api.OrderCancelled, cancelled.ID: api.OrderRefunded, halfBack.ID: api.OrderPartiallyRefunded} {
		if o := get(r, api.OrdersStaff, api.OrderQuery{ID: id}, r.staffCall("")); o.Status != want {
			t.Errorf("order %s is %s, want %s", id, o.Status, want)
		}
	}
	// kept, cancelled (whose goods may have gone), halfBack and the new one were sold.
	r.wantStock("A", 100-4, 0)
	// An order of the old timeline is paid under the key that it always had.
	get(r, api.OrdersCancel, api.OrderAction{ID: kept.ID}, r.staffCall("z"))
	if p, err := b.Lookup(ctx, "1/"+kept.ID+"/1/authorize"); err != nil || p.State != core.PaymentRefunded {
		t.Errorf("cancelled after the restore, the charge is %q, %v", p.State, err)
	}
	// The next leader has nothing to compare, and a repeat under a key of the lost past is a new order.
	stop()
	before := len(r.log.entries)
	stop = r.reign()
	r.mustBuy("A", "6")
	stop()
	for _, e := range r.log.entries[before:] {
		for _, command := range e.commands {
			if bytes.Contains(command, []byte("refund_noted")) {
				t.Error("a difference is written twice")
			}
		}
	}
}

// flaky is a provider that loses its voice at the n-th call that changes something.
type flaky struct {
	core.Payments
	left int
}

func (f *flaky) Void(ctx context.Context, key string) (core.PaymentResult, error) {
	p, err := f.Payments.Void(ctx, key)
	if f.left--; f.left == 0 {
		return core.PaymentResult{}, errors.New("the answer was lost")
	}
	return p, err
}

func (f *flaky) Refund(ctx context.Context, key, refund string, amount int64) (core.PaymentResult, error) {
	p, err := f.Payments.Refund(ctx, key, refund, amount)
	if f.left--; f.left == 0 {
		return core.PaymentResult{}, errors.New("the answer was lost")
	}
	return p, err
}

// TestReconcileSurvivesALostAnswer: money that was given back without an answer is in the report all
// the same, once.
func TestReconcileSurvivesALostAnswer(t *testing.T) {
	for calls := 1; calls <= 2; calls++ {
		b := newMint(t)
		s := newShop(t, b.join)
		s.mugs("A", 100)
		stream, _ := saved(t, s.machine)
		lost := s.mustBuy("A", "1")
		stop := s.reign()
		taken := s.mustBuy("A", "2")
		state := func(key string) core.PaymentState {
			p, err := b.Lookup(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			return p.State
		}
		eventually(t, "the money to be taken", func() bool { return state("1/"+taken.ID+"/1/authorize") == core.PaymentCaptured })
		stop()
		stranger := core.PaymentRequest{Key: "another-shop-7", Order: "theirs", Token: "tok_ok", Amount: 100, Currency: "EUR"}
		if _, err := b.Authorize(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		r := restored(t, stream, 2, b, func(c *core.ServiceConfig) { c.Payments = &flaky{b.Payments, calls} })
		stop = r.reign()
		eventually(t, "selling to go on", func() bool { _, err := r.tryBuy("A", "tok_ok", "3"); return err == nil })
		got := r.differences()
		if len(got) != 2 || got[taken.ID] != "refunded" || (got[lost.ID] != "refunded" && got[lost.ID] != "voided") {
			t.Errorf("answer %d lost: %v, want both %s and %s", calls, got, lost.ID, taken.ID)
		}
		stop()
		if got := state(stranger.Key); got != core.PaymentAuthorized {
			t.Errorf("the charge of somebody else is %q", got)
		}
	}
}

func TestOutboxAcrossARestore(t *testing.T) {
	b := newMint(t)
	s := newShop(t, b.join)
	s.mugs("A", 100)
	for _, key := range []string{"1", "2", "3"} {
		s.mustBuy("A", key)
	}
	next := func(s *shop) api.OutboxSlice {
		return get(s, api.OutboxNext, api.OutboxQuery{Consumer: "analytics", Max: 2}, api.Call{})
	}
	one := next(s)
	get(s, api.OutboxDone, api.OutboxAck{Consumer: "analytics", Slice: one.Slice}, api.Call{})
	if one.Timeline != 1 || one.Abandoned != nil {
		t.Errorf("%+v", one)
	}
	stream, _ := saved(t, s.machine)
	s.mustBuy("A", "lost")
	r := restored(t, stream, 2, b)
	stop := r.reign()
	eventually(t, "selling to go on", func() bool { _, err := r.tryBuy("A", "tok_ok", "new"); return err == nil })
	stop()
	two := next(r)
	if len(two.Entries) != 2 || two.Entries[0].Seq != 3 || two.Entries[0].Timeline != 1 || two.Entries[1].Seq != 4 || two.Entries[1].Timeline != 2 {
		t.Errorf("%+v", two.Entries)
	}
	if two.Timeline != 2 || len(two.Abandoned) != 1 || two.Abandoned[0] != (api.Abandoned{Timeline: 1, AfterSeq: 3}) || two.Slice <= one.Slice {
		t.Errorf("slice %d of timeline %d, abandoned %v", two.Slice, two.Timeline, two.Abandoned)
	}
}

// TestAbandonedInBetween restores the first timeline's backup twice: of the second timeline nothing counts.
func TestAbandonedInBetween(t *testing.T) {
	b := newMint(t)
	s := newShop(t, b.join)
	s.mugs("A", 100)
	s.mustBuy("A", "1")
	stream, _ := saved(t, s.machine)
	for n, want := range map[uint32][]api.Abandoned{2: {{Timeline: 1, AfterSeq: 1}}, 4: {{Timeline: 1, AfterSeq: 1}, {Timeline: 2}, {Timeline: 3}}} {
		got := get(restored(t, stream, n, b), api.OutboxNext, api.OutboxQuery{Consumer: "analytics", Max: 2}, api.Call{}).Abandoned
		if !slices.Equal(got, want) {
			t.Errorf("timeline %d: %v, want %v", n, got, want)
		}
	}
}

// TestIndexOfAnotherTimeline: what a client saw before the restore is neither waited for nor believed.
func TestIndexOfAnotherTimeline(t *testing.T) {
	b := newMint(t)
	s := newShop(t, b.join)
	stream, _ := saved(t, s.machine)
	r := restored(t, stream, 3, b)
	start := time.Now()
	get(r, api.ProductsList, api.ProductsQuery{Locale: germany}, api.Call{Min: api.Index{Timeline: 1, Raft: 1 << 40}})
	if took := time.Since(start); took > 900*time.Millisecond {
		t.Errorf("waited %v for an index that will never come", took)
	}
	if at := r.machine.Index(); at.Timeline != 3 {
		t.Errorf("index %v", at)
	}
	if err := r.machine.BeginTimeline(3, time.Now()); err == nil {
		t.Error("a timeline began twice")
	}
	if s.machine.History() != "" || r.machine.History() == "" {
		t.Errorf("histories %q, %q", s.machine.History(), r.machine.History())
	}
	if err := s.service.EnsureHistory(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := s.machine.History()
	if err := s.service.EnsureHistory(t.Context()); err != nil || first == "" || s.machine.History() != first {
		t.Errorf("the history was %q and is %q, %v", first, s.machine.History(), err)
	}
}

// TestRestoreAfterALongOutage restores a backup of ten hours ago: log time goes on at the clock of the
// restore, what waits for its buyer has waited for no longer than before, and the report says when the
// backup was taken.
func TestRestoreAfterALongOutage(t *testing.T) {
	b := newMint(t)
	s := newShop(t, b.join)
	s.mugs("A", 1)
	s.at(time.Now().UnixMilli(), core.Tick())
	c := s.cart("A", 1)
	refused(s, api.CodePaymentUnavailable, api.CheckoutCart, purchase(c.ID, "tok_error"), api.Call{Key: "k"})
	s.at(time.Now().UnixMilli(), core.Tick())
	stream, _ := saved(t, s.machine)
	then := core.NowOf(s.machine)

	m := openMachine(t, filepath.Join(t.TempDir(), "late.db"))
	if err := m.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	wall := time.UnixMilli(then).Add(10 * time.Hour)
	if err := m.BeginTimeline(2, wall); err != nil {
		t.Fatal(err)
	}
	if now := core.NowOf(m); now != wall.UnixMilli() {
		t.Errorf("log time is %d, want that of the restore, %d", now, wall.UnixMilli())
	}
	at, _ := m.Applied()
	r := newShop(t, b.join, func(c *core.ServiceConfig) { c.Machine, c.Log = m, &aloneLog{m: m, base: at} })
	status := func() string {
		return get(r, api.OrdersList, api.OrdersQuery{}, r.staffCall("")).Items[0].Status
	}
	tick := func(d time.Duration) { r.at(wall.Add(d).UnixMilli(), core.Tick()) }
	tick(time.Second)
	if got := status(); got != api.OrderPendingPayment {
		t.Errorf("after ten hours in which nobody could pay the order is %s", got)
	}
	for d := 4 * time.Second; d < 61*time.Minute; d += 4 * time.Second {
		tick(d)
	}
	if got := status(); got != api.OrderCancelled {
		t.Errorf("an hour in which everybody could pay later the order is %s", got)
	}
	if got := core.ForkedAt(m); got != then {
		t.Errorf("the fork is said to be at %d, want %d", got, then)
	}
}
