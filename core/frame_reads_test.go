package core_test

import (
	"bytes"
	"testing"

	"meridian/api"
)

// reads sends a frame of reads.
func (s *shop) reads(min string, calls ...api.FrameCall) (status int, index string, results []api.FrameResult) {
	s.t.Helper()
	resp := s.sendFrame(api.ReadFrame, min, calls)
	if resp.StatusCode() == 200 {
		out, err := api.ParseFrameResults(bytes.Clone(resp.Body()), len(calls))
		if err != nil {
			s.t.Fatal(err)
		}
		results = out.Results
	}
	return resp.StatusCode(), string(resp.Header.Peek(api.HeaderIndex)), results
}

// TestFrameOfReads: each read has its own outcome, none is older than what was asked for, and nothing but reads is answered.
func TestFrameOfReads(t *testing.T) {
	s := newShop(t)
	p := s.mugs("A", 3)
	call := func(name, body string) api.FrameCall { return api.FrameCall{Name: name, Body: body} }
	get, none := call("products.get", `{"currency":"EUR","handle":"`+p.Handle+`"}`), call("products.get", `{"currency":"EUR","handle":"none"}`)
	status, index, r := s.reads(p.Index.String(), get, none, call("products.get", `{"currency":7}`))
	if status != 200 || len(r) != 3 || r[0].Status != 200 || r[1].Status != 404 || r[2].Status != 400 {
		t.Fatalf("%d %+v", status, r)
	}
	at, err := api.ParseIndex(index)
	if err != nil || !at.Covers(p.Index) || !r[0].Index.Covers(p.Index) {
		t.Errorf("answered at %s and %s, asked for %s", index, r[0].Index, p.Index)
	}
	later := api.Index{Timeline: p.Index.Timeline, Raft: p.Index.Raft + 1000}
	if status, _, r := s.reads(later.String(), get, get); status != 503 {
		t.Errorf("from what this node does not have yet: %d %+v", status, r)
	}
	for name, refused := range map[string][]api.FrameCall{
		"nothing": {}, "a write": {get, call("carts.create", `{}`)}, "what waits": {call("feed.poll", `{}`)}, "what is not there": {call("products.steal", `{}`)},
	} {
		if status, _, _ := s.reads("", refused...); status != 422 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := s.reads("yesterday", get); status != 422 {
		t.Errorf("a bad index: %d", status)
	}
}
