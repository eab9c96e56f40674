package analytics

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// wanted is what the core would say is to be erased.
type wanted struct{ page api.ErasurePage }

var _ ErasureSource = (*wanted)(nil)

// Erasures implements ErasureSource, two records at a time.
func (s *wanted) Erasures(_ context.Context, after uint64) (api.ErasurePage, error) {
	p := s.page
	p.Records = nil
	for _, r := range s.page.Records {
		if r.Seq > after && len(p.Records) < 2 {
			p.Records = append(p.Records, r)
		}
	}
	return p, nil
}

// want adds an erasure of identifiers.
func (s *wanted) want(ids ...string) {
	s.page.Timeline, s.page.Oldest = max(s.page.Timeline, 1), 1
	r := api.ErasureRecord{Timeline: s.page.Timeline, Seq: uint64(len(s.page.Records)) + 1, At: time.Now().UTC().Format(time.RFC3339)}
	for _, id := range ids {
		h := traceOf(id)
		r.Traces = append(r.Traces, h[:])
	}
	s.page.Records = append(s.page.Records, r)
}

// person is a browser with visits on two days. Its first visit began before it had a visitor's name.
type person struct{ visitor, first, second, words string }

func (s *shopper) person(name string) person {
	return person{visitor: s.id(), first: s.id(), second: s.id(), words: name + " asked for this"}
}

// rows are a person's events of both days.
func (p person) rows(days ...time.Time) (rows []Row) {
	add := func(at time.Time, visitor, session, kind, query string) {
		rows = append(rows, Row{ID: uuid.New(), Type: kind, At: at, Received: at, StatedDay: dayOf(at), Session: session, Visitor: visitor, Device: "mobile", Query: query, Results: -1,
			Items: []Item{{Handle: "mug-1", SKU: "M-1", Quantity: 1, Price: 900, Currency: "EUR"}}})
	}
	for i, day := range days {
		session := []string{p.first, p.second}[i%2]
		at := day.Add(12 * time.Hour)
		add(at, "", session, "view_item", "")
		add(at.Add(time.Minute), "", session, "search", p.words)
		add(at.Add(2*time.Minute), p.visitor, session, "add_to_cart", "")
		add(at.Add(3*time.Minute), p.visitor, session, "begin_checkout", "")
	}
	return rows
}

// buys is an outbox entry of the person's last visit.
func (p person) buys(seq uint64, at time.Time) api.OutboxEntry {
	e := order(seq, at, p.second, "mug-1", 1, 900)
	e.Visitor = p.visitor
	return e
}

// eraser is an edge's connection for which runs need no rest, and counts settle at once.
func (e *engine) eraser() *warehouse {
	w := e.warehouse()
	w.margin, w.eraseRest, w.settles = 0, 0, 2*time.Second
	return w
}

// carryOut erases what the core wants.
func carryOut(t *testing.T, a *Analytics, w *warehouse, s ErasureSource) {
	t.Helper()
	if err := a.erasures.fetch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := a.eraseTables(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

// countDays counts the days that are over.
func countDays(t *testing.T, w *warehouse) {
	t.Helper()
	time.Sleep(10 * time.Millisecond) // later than what was inserted, to the millisecond
	k, err := w.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.roll(t.Context(), &k, time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
}

// TestErasedVisitorIsInNoFile reads every file that ClickHouse keeps, compressed or not: after a visitor was erased neither their identifiers nor the hashes of these are in
// any, nor what they searched for; before they are in many, and another visitor's still are.
func TestErasedVisitorIsInNoFile(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	w, s := e.eraser(), newShopper(t)
	e.forgetsPartsAtOnce()
	ada, bob := s.person("ada"), s.person("bob")
	now := time.Now().UTC()
	past := []time.Time{dayOf(now).Add(-2 * aDay), dayOf(now).Add(-aDay)}
	for _, p := range []person{ada, bob} {
		if err := a.spool.Append(t.Context(), p.rows(past...)); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, a)
	at := past[1].Add(13 * time.Hour)
	box := &sliceList{list: []api.OutboxSlice{{Slice: 1, Timeline: 1, Entries: []api.OutboxEntry{ada.buys(1, at), bob.buys(2, at)}}}}
	if _, err := a.DeliverOutbox(t.Context(), box); err != nil {
		t.Fatal(err)
	}
	for _, p := range []person{ada, bob} {
		if _, _, err := a.Reports().Ask(t.Context(), "staff@example.com", "SELECT count() FROM clickstream WHERE visitor = '"+p.visitor+"'", 10); err != nil {
			t.Fatal(err)
		}
	}
	countDays(t, w)
	countDays(t, w)
	search := func() map[string][]string {
		t.Helper()
		needles := map[string][]byte{}
		for name, p := range map[string]person{"ada": ada, "bob": bob} {
			for what, id := range map[string]string{"visitor": p.visitor, "first": p.first, "second": p.second} {
				needles[name+"'s "+what] = []byte(id)
				needles[name+"'s "+what+", hashed"] = e.cityHash(id)
			}
			needles[name+"'s words"] = []byte(p.words)
		}
		return e.search(needles)
	}
	before := search()
	for _, name := range []string{"ada", "bob"} {
		for _, what := range []string{"visitor", "first", "second", "visitor, hashed", "first, hashed", "second, hashed", "words"} {
			if len(before[name+"'s "+what]) == 0 {
				t.Errorf("before: %s's %s is found nowhere, so that not finding it would show nothing", name, what)
			}
		}
	}

	list := &wanted{}
	list.want(ada.visitor)
	carryOut(t, a, w, list)
	if st := a.Stats(); st.ErasuresWaiting != 0 {
		t.Errorf("%d erasures wait", st.ErasuresWaiting)
	}
	time.Sleep(w.settles) // counts hold again
	countDays(t, w)
	carryOut(t, a, w, list)
	e.exec("SYSTEM FLUSH LOGS")
	began, after := time.Now(), search()
	for deadline := began.Add(partsGone); time.Now().Before(deadline) && found(after, "ada"); after = search() {
		time.Sleep(time.Second)
	}
	t.Logf("nothing is left after %s", time.Since(began).Round(time.Second))
	for what, files := range after {
		if strings.HasPrefix(what, "ada") {
			t.Errorf("after: %s is in %v", what, files)
		}
	}
	for _, what := range []string{"visitor", "first", "second", "visitor, hashed", "first, hashed", "second, hashed", "words"} {
		if len(after["bob's "+what]) == 0 {
			t.Errorf("after: bob's %s is found nowhere", what)
		}
	}
	if money := e.number("SELECT sum(total) FROM sales"); money != 2*(900+490) {
		t.Errorf("orders are worth %d", money)
	}
	if n := e.number("SELECT count() FROM sales WHERE visitor = '' AND session = ''"); n != 1 {
		t.Errorf("%d orders name nobody", n)
	}
	if all, mine := e.number("SELECT count() FROM system.mutations WHERE position(command, 'erasing') > 0"), e.number("SELECT count() FROM system.mutations WHERE match(command, 'run = [0-9]+\\)')"); all != 3 || mine != 3 {
		t.Errorf("%d mutations, of which %d would be waited for", all, mine)
	}
	if n := e.number("SELECT count() FROM erasing"); n != 0 {
		t.Errorf("%d traces are kept", n)
	}
	if n := e.number(fmt.Sprintf("SELECT count() FROM traffic_days WHERE day = '%s'", past[1].Format(time.DateOnly))); n == 0 {
		t.Error("a day of which something was erased is not counted again")
	}
}

// partsGone is how long parts that were replaced may take to leave the disk.
const partsGone = 3 * time.Minute

// found says whether anything of somebody was found.
func found(all map[string][]string, name string) bool {
	for what := range all {
		if strings.HasPrefix(what, name) {
			return true
		}
	}
	return false
}

// TestErasedAgain: what comes late, out of the spool of an edge that was away, is erased like the rest; and so is what a backup of ClickHouse brings back, within a day.
func TestErasedAgain(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	w, s := e.eraser(), newShopper(t)
	ada := s.person("ada")
	yesterday := dayOf(time.Now()).Add(-aDay)
	bring := func() {
		t.Helper()
		if err := a.spool.Append(t.Context(), ada.rows(yesterday)); err != nil {
			t.Fatal(err)
		}
		drained(t, a)
	}
	left := func() uint64 { return e.number("SELECT count() FROM events") }
	bring()
	list := &wanted{}
	list.want(ada.visitor, ada.first)
	carryOut(t, a, w, list)
	if n := left(); n != 0 {
		t.Fatalf("%d rows are left", n)
	}
	bring()
	carryOut(t, a, w, list)
	if n := left(); n != 0 {
		t.Errorf("%d late rows are left", n)
	}
	bring()
	e.exec("ALTER TABLE events UPDATE inserted_at = '2020-01-01 00:00:00' WHERE 1 SETTINGS mutations_sync = 1")
	carryOut(t, a, w, list)
	if n := left(); n == 0 {
		t.Error("rows of a backup are found by looking for late ones: this test shows nothing")
	}
	e.exec("TRUNCATE TABLE erased")
	e.exec("INSERT INTO erased SELECT 0, 0, now64(3)")
	e.exec("INSERT INTO erased SELECT 1, 1, now64(3) - INTERVAL 25 HOUR")
	carryOut(t, a, w, list)
	if n := left(); n != 0 {
		t.Errorf("%d rows of a backup are left", n)
	}
}

// TestErasuresWait says what an operator's alert goes by.
func TestErasuresWait(t *testing.T) {
	t.Parallel()
	a := openTest(t, Config{Addr: "http://127.0.0.1:1"})
	list := &wanted{}
	list.want("v1")
	list.want("v2")
	list.want("v3")
	if err := a.Erase(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if st := a.Stats(); st.ErasuresWaiting != 3 || time.Since(st.ErasureOldest) > time.Minute {
		t.Errorf("%d wait since %s", st.ErasuresWaiting, st.ErasureOldest)
	}
	list.page.Oldest = 3 // two are over
	if err := a.Erase(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if st := a.Stats(); st.ErasuresWaiting != 1 || len(a.erasures.traces()) != 1 {
		t.Errorf("%d wait", st.ErasuresWaiting)
	}
	restored := &wanted{page: api.ErasurePage{Timeline: 2}}
	restored.want("v4")
	if err := a.Erase(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	if st := a.Stats(); st.ErasuresWaiting != 1 || a.erasures.all[0].id != (erasureID{2, 1}) {
		t.Errorf("after a restore: %+v", a.erasures.all)
	}
}
