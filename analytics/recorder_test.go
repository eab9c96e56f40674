package analytics

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

func TestValidation(t *testing.T) {
	a := openTest(t, Config{})
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	a.now = func() time.Time { return now }
	good := func() api.Event {
		n := int64(2)
		return api.Event{ID: "0192f7a4-5b7e-7c3a-9d0e-3f1a2b4c5d6e", Type: "view_item", At: "2026-05-06T07:08:00+00:00", Session: "s", Visitor: "v",
			Items: []api.EventItem{{ItemID: "teal-mug", SKU: "M-1", Quantity: 1, Price: &api.Money{Amount: 5, Currency: "EUR"}}},
			Query: "mug", Results: &n, Slot: "home", Algorithm: "pairs", Version: "v1.2"}
	}
	if _, err := a.rows(api.EventBatch{Events: []api.Event{good()}}, Client{}); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*api.Event){
		"id":                     func(e *api.Event) { e.ID = "0192f7a45b7e7c3a9d0e3f1a2b4c5d6e" },
		"type":                   func(e *api.Event) { e.Type = "page_view" },
		"at":                     func(e *api.Event) { e.At = "yesterday" },
		"session":                func(e *api.Event) { e.Session = "" },
		"visitor":                func(e *api.Event) { e.Visitor = strings.Repeat("v", 129) },
		"query":                  func(e *api.Event) { e.Query = "\xff" },
		"results":                func(e *api.Event) { n := int64(-1); e.Results = &n },
		"slot":                   func(e *api.Event) { e.Slot = "a b" },
		"algorithm":              func(e *api.Event) { e.Algorithm = strings.Repeat("a", 65) },
		"version":                func(e *api.Event) { e.Version = "'" },
		"items":                  func(e *api.Event) { e.Items = make([]api.EventItem, itemsMax+1) },
		"items.0.item_id":        func(e *api.Event) { e.Items[0].ItemID = "Teal Mug" },
		"items.0.sku":            func(e *api.Event) { e.Items[0].SKU = "a b" },
		"items.0.quantity":       func(e *api.Event) { e.Items[0].Quantity = -1 },
		"items.0.price.amount":   func(e *api.Event) { e.Items[0].Price = &api.Money{Amount: -1, Currency: "EUR"} },
		"items.0.price.currency": func(e *api.Event) { e.Items[0].Price = &api.Money{Amount: 1, Currency: "eur"} },
	} {
		bad := good()
		spoil(&bad)
		err := a.Record(t.Context(), api.EventBatch{Events: []api.Event{good(), bad}}, Client{})
		e := api.AsError(err)
		if e == nil || e.Code != api.CodeInvalid || len(e.Errors) != 1 || e.Errors[0].Field != "events.1."+field {
			t.Errorf("%s: %v %+v", field, err, e)
		}
	}
	for _, n := range []int{0, batchEventsMax + 1} {
		if err := a.Record(t.Context(), api.EventBatch{Events: make([]api.Event, n)}, Client{}); api.CodeOf(err) != api.CodeInvalid {
			t.Errorf("%d events: %v", n, err)
		}
	}
	if err := a.Record(t.Context(), api.EventBatch{Events: make([]api.Event, batchEventsMax)}, Client{}); len(api.AsError(err).Errors) != errorsMax {
		t.Errorf("errors are not bounded: %d", len(api.AsError(err).Errors))
	}
	if st := a.Stats(); st.Accepted != 0 || st.Invalid != 19 {
		t.Errorf("%+v", st)
	}
}

func TestClocksAreClamped(t *testing.T) {
	received := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for stated, want := range map[time.Time]time.Time{
		received.Add(-time.Hour):                received.Add(-time.Hour),
		received.Add(-49 * time.Hour):           received.Add(-48 * time.Hour),
		received.Add(time.Hour):                 received.Add(5 * time.Minute),
		time.Time{}:                             received.Add(-48 * time.Hour),
		received.Add(1234567 * time.Nanosecond): received.Add(time.Millisecond),
	} {
		if got := clamp(stated, received); !got.Equal(want) {
			t.Errorf("%v: %v, want %v", stated, got, want)
		}
	}
}

func TestBotsAreMarked(t *testing.T) {
	for agent, want := range map[string]bool{
		"": false, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": false,
		"Mozilla/5.0 (compatible; Googlebot/2.1)": true, "curl/8.5.0": true, "HeadlessChrome/140": true, "python-requests/2": true,
	} {
		if botAgent(agent) != want {
			t.Errorf("%q: %v", agent, !want)
		}
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := newRecent(3)
	ids := []uuid.UUID{{1}, {2}, {3}, {4}}
	for _, id := range ids {
		r.add(id)
		r.add(id)
	}
	if r.has(ids[0]) || !r.has(ids[1]) || !r.has(ids[3]) || len(r.set) != 3 {
		t.Errorf("%v", r.set)
	}
}

func TestDisabled(t *testing.T) {
	var none *Analytics
	batch := newShopper(t).batch(3, time.Now())
	if err := none.Record(t.Context(), batch, Client{}); err != nil {
		t.Error(err)
	}
	if _, err := none.Reports().Run(t.Context(), "funnel", Params{From: time.Now().Add(-time.Hour), To: time.Now()}); api.CodeOf(err) != api.CodeUnavailable {
		t.Error(err)
	}
	if _, err := none.Trending(t.Context(), 5); api.CodeOf(err) != api.CodeUnavailable {
		t.Error(err)
	}
	if none.TrendingNow() != nil || none.Stats() != (Stats{}) || none.Close() != nil || len(none.Reports().List()) != 13 {
		t.Error("a nil Analytics is not quiet")
	}
	dir := t.TempDir()
	a := openTest(t, Config{Dir: dir}) // no address: events are kept
	if err := a.Record(t.Context(), batch, Client{}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if ids := stored(t, dir); len(ids) != 3 {
		t.Errorf("%d events kept", len(ids))
	}
}

func TestConfig(t *testing.T) {
	for field, spoil := range map[string]func(*Config){
		"Edge": func(c *Config) { c.Edge = "Edge 1" }, "Dir": func(c *Config) { c.Dir = "" }, "MaxBytes": func(c *Config) { c.MaxBytes = 1 },
		"Addr": func(c *Config) { c.Addr = "mysql://x" }, "Database": func(c *Config) { c.Database = "a;b" }, "Region": func(c *Config) { c.Region = strings.Repeat("r", 65) },
	} {
		c := Config{Edge: "e", Dir: t.TempDir(), Addr: "http://127.0.0.1:1"}
		spoil(&c)
		if _, err := Open(c); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, addr := range []string{"http://h:1", "https://h:1", "clickhouse://h:9000?secure=true"} {
		if err := (&Config{Edge: "e", Dir: "d", Addr: addr}).Validate(); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// FuzzBatch: any JSON a browser may send is refused with field errors or becomes rows that survive
// the spool's encoding.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"events":[{"id":"0192f7a4-5b7e-7c3a-9d0e-3f1a2b4c5d6e","type":"view_item","at":"2026-05-06T07:08:09Z","session":"s","items":[{"item_id":"mug","price":{"amount":1,"currency":"EUR"}}]}]}`))
	f.Add([]byte(`{"events":[{"at":"0000-01-01T00:00:00Z"},{"at":"9999-12-31T23:59:59.999999999-23:59","results":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var b api.EventBatch
		if len(body) > 64<<10 || json.Unmarshal(body, &b) != nil {
			return
		}
		received := time.UnixMilli(1_778_051_289_000).UTC()
		v := validator{}
		rows := v.batch(b, received, false)
		if len(v.errors) > errorsMax {
			t.Fatal("unbounded errors")
		}
		if len(v.errors) > 0 {
			return
		}
		for i := range rows {
			r, _, err := nextRecord(appendRecord(nil, &rows[i]))
			if err != nil || fmt.Sprint(r) != fmt.Sprint(rows[i]) {
				t.Fatalf("%+v\n%+v\n%v", r, rows[i], err)
			}
			if r.At.Before(received.Add(-clampBefore)) || r.At.After(received.Add(clampAfter)) {
				t.Fatalf("time %v", r.At)
			}
		}
	})
}
