package core_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/core"
)

// traced buys as a browser with these identifiers.
func (s *shop) traced(key, credential, visitor, session string) api.Order {
	s.t.Helper()
	p := purchase(s.cart("A", 1).ID, "tok_ok")
	p.Visitor, p.Session = visitor, session
	o, _, err := ask(s, api.CheckoutCart, p, api.Call{Key: key, Credential: credential})
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// erasures are the hashes that are to be erased, by record.
func (s *shop) erasures(after uint64) (all [][][]byte) {
	s.t.Helper()
	for _, r := range get(s, api.ErasuresList, api.ErasuresQuery{After: after}, api.Call{}).Records {
		all = append(all, r.Traces)
	}
	return all
}

func hashes(ids ...string) (all [][]byte) {
	for _, id := range ids {
		sum := sha256.Sum256([]byte(id))
		all = append(all, sum[:])
	}
	slices.SortFunc(all, bytes.Compare)
	return all
}

func sameHashes(got [][]byte, ids ...string) bool {
	got = slices.Clone(got)
	slices.SortFunc(got, bytes.Compare)
	return slices.EqualFunc(got, hashes(ids...), bytes.Equal)
}

// TestErasedAccountLeavesHashes: what is to be erased elsewhere is known by hashes, the orders and what the outbox says of them name nobody any more, and
// the identifiers are in no byte of the state.
func TestErasedAccountLeavesHashes(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	me := get(s, api.CustomersCreate, api.NewCustomer{Email: "ada@example.com", Password: "correct horse", Name: "Ada"}, api.Call{})
	as := "session:" + me.Token
	s.traced("1", as, "visitor-of-ada", "first-session-of-ada")
	s.traced("2", as, "visitor-of-ada", "second-session-of-ada")
	guest := s.traced("3", "", "phone-of-ada", "third-session-of-ada")
	s.traced("4", "", "visitor-of-bob", "session-of-bob")
	said := func() (all []string) {
		for _, e := range get(s, api.OutboxNext, api.OutboxQuery{Consumer: "analytics", Max: 100}, api.Call{}).Entries {
			all = append(all, e.Visitor+" "+e.Session)
		}
		return all
	}
	if got := said(); !slices.Equal(got, []string{"visitor-of-ada first-session-of-ada", "visitor-of-ada second-session-of-ada", "phone-of-ada third-session-of-ada", "visitor-of-bob session-of-bob"}) {
		t.Fatalf("before: %q", got)
	}
	if at := s.find("-of-ada"); len(at) == 0 {
		t.Fatal("the identifiers are not even found before they were erased: the search shows nothing")
	}
	get(s, api.CustomersErase, api.Traces{Visitor: "phone-of-ada", Session: "now-of-ada", Tab: "tab-of-ada", Orders: []string{guest.ID, "no-such-order"}}, api.Call{Credential: as})
	all := s.erasures(0)
	if len(all) != 1 || !sameHashes(all[0], "visitor-of-ada", "first-session-of-ada", "second-session-of-ada", "third-session-of-ada", "phone-of-ada", "now-of-ada", "tab-of-ada") {
		t.Errorf("%d records: %x", len(all), all)
	}
	if got := said(); !slices.Equal(got, []string{" ", " ", " ", "visitor-of-bob session-of-bob"}) {
		t.Errorf("after: %q", got)
	}
	if n := len(get(s, api.ErasuresList, api.ErasuresQuery{After: 1}, api.Call{}).Records); n != 0 {
		t.Errorf("%d records after the only one", n)
	}
	if at := s.find("-of-ada"); len(at) > 0 {
		t.Errorf("the state still has the identifiers: %s", at)
	}
	if at := s.find("session-of-bob"); len(at) == 0 {
		t.Error("another's identifiers are gone")
	}
}

// find gives the places of a snapshot of the state in which a text is.
func (s *shop) find(text string) (where []string) {
	s.t.Helper()
	view, err := s.machine.Snapshot()
	if err != nil {
		s.t.Fatal(err)
	}
	defer view.Release()
	path := filepath.Join(s.t.TempDir(), "snapshot")
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := view.WriteTo(f); err != nil {
		s.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		s.t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := bytes.Index(b, []byte(text)); i >= 0 && len(where) < 5; {
		where = append(where, fmt.Sprintf("%q", b[max(0, i-60):min(len(b), i+60)]))
		next := bytes.Index(b[i+1:], []byte(text))
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return where
}

// TestBrowserErasesItsTraces: without an account, and by staff for an order or a visitor; a repeat within a day is the same erasure.
func TestBrowserErasesItsTraces(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	one := s.traced("1", "", "v1", "s1")
	s.traced("2", "", "v1", "s2")
	s.traced("3", "", "v3", "s3")
	s.traced("4", "", "v4", "s4")

	browser := api.Traces{Visitor: "v4", Session: "s5"}
	get(s, api.TracesErase, browser, api.Call{})
	get(s, api.TracesErase, browser, api.Call{})
	get(s, api.TracesErase, api.Traces{}, api.Call{})
	if all := s.erasures(0); len(all) != 1 || !sameHashes(all[0], "v4", "s5") {
		t.Errorf("%x", all)
	}
	v := get(s, api.TracesStaff, api.StaffErase{Order: one.Number}, s.staffCall("a"))
	if len(v.Orders) != 2 {
		t.Errorf("%+v", v)
	}
	if all := s.erasures(1); len(all) != 1 || !sameHashes(all[0], "v1", "s1", "s2") {
		t.Errorf("%x", all)
	}
	if v = get(s, api.TracesStaff, api.StaffErase{Order: one.Number}, s.staffCall("b")); len(v.Orders) != 0 {
		t.Errorf("erased before, and again: %+v", v)
	}
	if v = get(s, api.TracesStaff, api.StaffErase{Visitor: "v3"}, s.staffCall("c")); len(v.Orders) != 1 {
		t.Errorf("%+v", v)
	}
	if all := s.erasures(2); len(all) != 1 || !sameHashes(all[0], "v3", "s3") {
		t.Errorf("%x", all)
	}
	for _, bad := range []api.StaffErase{{}, {Order: one.Number, Visitor: "v1"}, {Visitor: strings.Repeat("v", 129)}, {Visitor: "v\x01"}} {
		refused(s, api.CodeInvalid, api.TracesStaff, bad, s.staffCall(""))
	}
	for _, number := range []string{"M-1", "x", "M-99999999999999999999", strings.Repeat("M-1", 1000)} {
		refused(s, api.CodeNotFound, api.TracesStaff, api.StaffErase{Order: number}, s.staffCall(""))
	}
	refused(s, api.CodeUnauthorized, api.TracesStaff, api.StaffErase{Visitor: "v1"}, api.Call{})
	refused(s, api.CodeForbidden, api.TracesStaff, api.StaffErase{Visitor: "v1"}, s.operator())
	refused(s, api.CodeInvalid, api.TracesErase, api.Traces{Visitor: strings.Repeat("v", 129)}, api.Call{})
	refused(s, api.CodeInvalid, api.TracesErase, api.Traces{Orders: make([]string, 101)}, api.Call{})
	refused(s, api.CodeInvalid, api.ErasuresList, api.ErasuresQuery{Limit: 501}, api.Call{})
}

// TestManyTracesAreSeveralRecords, which are kept for 35 days, and what is asked for again after a day is a record of its own.
func TestManyTracesAreSeveralRecords(t *testing.T) {
	s := newShop(t)
	now := time.Now().UnixMilli()
	var ids [][]byte
	for i := range 450 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		ids = append(ids, sum[:])
	}
	s.at(now, core.EraseTraces(ids))
	s.at(now+1000, core.EraseTraces(ids[:10]))
	if all := s.erasures(0); len(all) != 3 || len(all[0]) != 200 || len(all[2]) != 50 {
		t.Fatalf("%d records", len(all))
	}
	first := get(s, api.ErasuresList, api.ErasuresQuery{Limit: 2}, api.Call{})
	if len(first.Records) != 2 || first.Oldest != 1 || first.Timeline != 1 {
		t.Errorf("%+v", first)
	}
	const day = 24 * 60 * 60 * 1000
	s.at(now+2*day, core.EraseTraces(ids[:10]))
	if all := s.erasures(3); len(all) != 1 || len(all[0]) != 10 {
		t.Errorf("%d records after a day", len(all))
	}
	s.mustCheck()
	s.at(now+35*day+1000, core.Tick())
	if all := s.erasures(0); len(all) != 1 {
		t.Errorf("%d records after 35 days", len(all))
	}
	s.mustCheck()
	s.at(now+37*day+2000, core.Tick())
	if page := get(s, api.ErasuresList, api.ErasuresQuery{}, api.Call{}); len(page.Records) != 0 || page.Oldest != 0 {
		t.Errorf("%+v", page)
	}
}
