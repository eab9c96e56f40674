package api_test

import (
	"reflect"
	"testing"

	"meridian/api"
)

func TestFrames(t *testing.T) {
	f := api.Frame{Calls: []api.FrameCall{
		{Name: "stock.adjust", Key: "k", Credential: "staff:t", RequestID: "r", DeadlineMS: 6000, Compact: true, Body: "body"},
		{Name: "carts.create", Body: `{"currency":"EUR"}`},
	}}
	got, err := api.ParseFrame(string(f.Append(nil)), 2)
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v: %v", got, err)
	}
	if _, err := api.ParseFrame(string(f.Append(nil)), 1); err == nil {
		t.Error("more calls than allowed")
	}
	r := api.FrameResults{Results: []api.FrameResult{
		{Status: 200, Index: api.Index{Timeline: 3, Raft: 1 << 40}, Replay: true, Compact: true, Body: []byte("x")},
		{Status: 421, Leader: "core-us", Body: []byte("{}")},
	}}
	back, err := api.ParseFrameResults(r.Append(nil), 2)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("%+v: %v", back, err)
	}
	if _, err := api.ParseFrameResults(r.Append(nil), 3); err == nil {
		t.Error("a result is missing and nobody noticed")
	}
}

func TestCompactForms(t *testing.T) {
	for _, a := range []api.AdjustStock{{}, {SKU: "A", Location: "east", Delta: -1 << 62, Reason: "count"}, {SKU: "B", Delta: 1}} {
		var got api.AdjustStock
		if err := got.ParseCompact(string(a.AppendCompact(nil))); err != nil || got != a {
			t.Errorf("%+v came back as %+v: %v", a, got, err)
		}
	}
	l := api.StockLevel{SKU: "A", Location: "main", OnHand: 9, Reserved: 2, Available: 7, Index: api.Index{Timeline: 1, Raft: 7}}
	var got api.StockLevel
	if err := got.ParseCompact(string(l.AppendCompact(nil))); err != nil || got != l {
		t.Errorf("%+v came back as %+v: %v", l, got, err)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(string(api.Frame{Calls: []api.FrameCall{{Name: "stock.adjust", Compact: true, Body: string(api.AdjustStock{SKU: "A", Delta: -1}.AppendCompact(nil))}}}.Append(nil)))
	f.Add(string(api.FrameResults{Results: []api.FrameResult{{Status: 200}}}.Append(nil)))
	f.Fuzz(func(t *testing.T, s string) {
		if frame, err := api.ParseFrame(s, 256); err == nil {
			again, err := api.ParseFrame(string(frame.Append(nil)), 256)
			if err != nil || !reflect.DeepEqual(again, frame) {
				t.Errorf("%+v came back as %+v: %v", frame, again, err)
			}
			for _, c := range frame.Calls {
				var a api.AdjustStock
				_ = a.ParseCompact(c.Body)
			}
		}
		if r, err := api.ParseFrameResults([]byte(s), 1); err == nil {
			var l api.StockLevel
			_ = l.ParseCompact(string(r.Results[0].Body))
		}
	})
}
