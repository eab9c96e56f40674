package core_test

import (
	"testing"
	"time"

	"meridian/api"
)

// TestOutboxForOutsiders: a consumer outside has its own name and place, gets the same slice until it
// acknowledges it, and nothing is dropped before that.
func TestOutboxForOutsiders(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	read := func(name string, limit int) api.OutboxPage {
		t.Helper()
		return get(s, api.OutboxRead, api.OutboxAsk{Consumer: name, Limit: limit}, s.staffCall(""))
	}
	ack := func(name string, slice uint64) api.OutboxConsumer {
		t.Helper()
		return get(s, api.OutboxConfirm, api.OutboxAck{Consumer: name, Slice: slice}, s.staffCall(""))
	}
	refused(s, api.CodeNotFound, api.OutboxRead, api.OutboxAsk{Consumer: "erp"}, s.staffCall(""))
	refused(s, api.CodeForbidden, api.OutboxRead, api.OutboxAsk{Consumer: "payments"}, s.staffCall(""))
	refused(s, api.CodeUnauthorized, api.OutboxRead, api.OutboxAsk{Consumer: "erp"}, api.Call{})
	refused(s, api.CodeInvalid, api.OutboxJoin, api.OutboxConsumer{Name: "No Spaces"}, s.staffCall(""))
	s.buy("1", "A", 1)
	get(s, api.OutboxJoin, api.OutboxConsumer{Name: "erp"}, s.staffCall(""))
	get(s, api.OutboxJoin, api.OutboxConsumer{Name: "late", From: "now"}, s.staffCall(""))
	if p := read("late", 0); p.Slice != 0 || p.Lag != 0 {
		t.Errorf("from now: %+v", p)
	}
	o := s.buy("2", "A", 1)
	s.buy("3", "A", 1)
	first := read("erp", 2)
	if len(first.Entries) != 2 || first.Lag != 3 || first.Entries[1].Order.ID != o.ID {
		t.Fatalf("%+v", first)
	}
	if again := read("erp", 100); again.Slice != first.Slice || len(again.Entries) != 2 {
		t.Errorf("before it was acknowledged: %+v", again)
	}
	if late := read("late", 0); len(late.Entries) != 2 || late.Entries[0].Order.ID != o.ID {
		t.Errorf("%+v", late)
	}
	for _, own := range []string{"analytics"} { // the shop's own are done with everything
		sl := get(s, api.OutboxNext, api.OutboxQuery{Consumer: own, Max: 100}, api.Call{})
		get(s, api.OutboxDone, api.OutboxAck{Consumer: own, Slice: sl.Slice}, api.Call{})
	}
	s.lead()
	eventually(t, "payments and mail to be done", func() bool {
		for _, c := range get(s, api.OutboxConsumers, api.None{}, s.staffCall("")).Items {
			if c.Own && c.Lag > 0 {
				return false
			}
		}
		return true
	})
	s.pass(10 * time.Second)
	if again := read("erp", 100); len(again.Entries) != 2 || again.Missed != 0 {
		t.Errorf("entries were dropped before everyone had read them: %+v", again)
	}
	ack("erp", first.Slice+7) // of nobody
	if c := ack("erp", first.Slice); c.Acked != first.Entries[1].Seq || c.Lag != 1 {
		t.Errorf("%+v", c)
	}
	ack("erp", first.Slice) // a repeat moves nothing
	second := read("erp", 100)
	if len(second.Entries) != 1 || second.Slice == first.Slice || second.Entries[0].Seq != first.Entries[1].Seq+1 {
		t.Errorf("%+v", second)
	}
	get(s, api.OutboxLeave, api.OutboxConsumer{Name: "erp"}, s.staffCall(""))
	get(s, api.OutboxLeave, api.OutboxConsumer{Name: "late"}, s.staffCall(""))
	refused(s, api.CodeNotFound, api.OutboxLeave, api.OutboxConsumer{Name: "late"}, s.staffCall(""))
	s.pass(10 * time.Second)
	if c := get(s, api.OutboxJoin, api.OutboxConsumer{Name: "new"}, s.staffCall("")); c.Lag != 0 {
		t.Errorf("what everyone had read is still there: %+v", c)
	}
}
