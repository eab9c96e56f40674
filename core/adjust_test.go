package core_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/core"
)

// TestStockRowsAreCBOR: the hand-written form of a stock row is what the library writes.
func TestStockRowsAreCBOR(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	for range 20_000 {
		var v [5]int64
		for i := range v {
			v[i] = int64(r.Uint64() >> r.IntN(64))
			if r.IntN(3) == 0 {
				v[i] = -v[i]
			}
		}
		if hand, library := core.ReadStockRow(v[0], v[1], v[2], v[3], uint64(v[4])); hand != library {
			t.Errorf("%v is read as %v, and by the library as %v", v, hand, library)
		}
		if quick, slow := core.StockRows(v[0], v[1], v[2], v[3], uint64(v[4])); string(quick) != string(slow) {
			t.Fatalf("%v: %x, the library writes %x", v, quick, slow)
		}
	}
}

// sendFrame sends a frame to one of the two addresses for frames.
func (s *shop) sendFrame(name, min string, calls []api.FrameCall) *fasthttp.Response {
	s.t.Helper()
	req, resp := &fasthttp.Request{}, &fasthttp.Response{}
	req.Header.SetMethod("POST")
	req.SetRequestURI("http://" + s.addr + "/v1/" + name)
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set(api.HeaderMin, min)
	req.SetBodyRaw(api.Frame{Calls: calls}.Append(nil))
	if err := fasthttp.Do(req, resp); err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// frame sends adjustments as an edge does and returns what became of each.
func (s *shop) frame(calls ...api.FrameCall) []api.FrameResult {
	s.t.Helper()
	resp := s.sendFrame("frame", "", calls)
	if resp.StatusCode() != 200 {
		s.t.Fatalf("frame: %d %s", resp.StatusCode(), resp.Body())
	}
	out, err := api.ParseFrameResults(bytes.Clone(resp.Body()), len(calls))
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Results
}

func (s *shop) adjustCall(key string, a api.AdjustStock) api.FrameCall {
	return api.FrameCall{Name: api.StockAdjust.Name, Key: key, Credential: "staff:" + s.staff, Compact: true, Body: string(a.AppendCompact(nil))}
}

func levelOf(t *testing.T, r api.FrameResult) (l api.StockLevel) {
	t.Helper()
	if err := l.ParseCompact(string(r.Body)); r.Status != 200 || !r.Compact || err != nil {
		t.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
	return l
}

// TestFrameOfAdjustments: each call of a frame has its own key and outcome, and a repeat of the frame
// gives the same answers and changes nothing.
func TestFrameOfAdjustments(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 5)
	calls := []api.FrameCall{
		s.adjustCall("k1", api.AdjustStock{SKU: "A", Delta: -2}),
		s.adjustCall("k2", api.AdjustStock{SKU: "A", Delta: -9}),
		s.adjustCall("k1", api.AdjustStock{SKU: "A", Delta: -2}),
		s.adjustCall("k1", api.AdjustStock{SKU: "A", Delta: -1}),
		s.adjustCall("k3", api.AdjustStock{SKU: "nothing", Delta: -1}),
		s.adjustCall("k4", api.AdjustStock{SKU: "A", Location: "No Place", Delta: -1}),
		s.adjustCall("k5", api.AdjustStock{SKU: "A", Delta: 7, Reason: "delivery"}),
		{Name: api.StockAdjust.Name, Key: "k6", Compact: true, Body: calls0(s)},
		{Name: "no.such", Compact: true},
		{Name: api.StockGet.Name, Credential: "staff:" + s.staff, Body: `{"sku":"A"}`},
	}
	first := s.frame(calls...)
	wantStatus := []int{200, 422, 200, 422, 404, 422, 200, 401, 400, 200}
	for i, r := range first {
		if r.Status != wantStatus[i] {
			t.Errorf("call %d: %d %s, want %d", i, r.Status, r.Body, wantStatus[i])
		}
	}
	if l := levelOf(t, first[0]); l.OnHand != 3 || first[0].Replay {
		t.Errorf("first: %+v", l)
	}
	if l := levelOf(t, first[2]); l.OnHand != 3 || !first[2].Replay {
		t.Errorf("the same key in the same frame: %+v, replay %v", l, first[2].Replay)
	}
	again := s.frame(calls...)
	for i := range first[:7] {
		if i != 4 && (!bytes.Equal(again[i].Body, first[i].Body) && first[i].Status != 422 || again[i].Status != first[i].Status || !again[i].Replay && i != 3) {
			t.Errorf("call %d was answered %d %s, and repeated (%v) %d %s", i, first[i].Status, first[i].Body, again[i].Replay, again[i].Status, again[i].Body)
		}
	}
	s.wantStock("A", 10, 0)
}

func calls0(s *shop) string { return string(api.AdjustStock{SKU: "A", Delta: 1}.AppendCompact(nil)) }

// TestAdjustKeysOutlive: a key answers the same alone and in a frame, after a restart, on a replica
// that was built from the log, and until its life is over.
func TestAdjustKeysOutlive(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 100)
	req := api.AdjustStock{SKU: "A", Delta: -3, Reason: "shop floor"}
	want := get(s, api.StockAdjust, req, s.staffCall("k"))
	if l := levelOf(t, s.frame(s.adjustCall("k", req))[0]); l != want {
		t.Errorf("alone %+v, in a frame %+v", want, l)
	}
	command := s.log.entries[len(s.log.entries)-1].commands
	m := replay(t, s, func(int) bool { return false })
	if err := m.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	again := func(m *core.Machine, after time.Duration) (replay bool, onHand int64) {
		index, _ := m.Applied()
		now := core.NowOf(m) + after.Milliseconds()
		return core.Adjusted(m.Apply(index+1, 1, core.Header(now, 0, 0), command)[0])
	}
	if replayed, n := again(m, time.Minute); !replayed || n != 97 {
		t.Errorf("on a replica: replay %v, %d on hand", replayed, n)
	}
	path := filepath.Join(t.TempDir(), "restarted.db")
	restarted := openMachine(t, path)
	for _, e := range s.log.entries {
		restarted.Apply(e.index, 1, e.head, e.commands)
	}
	if err := restarted.Close(); err != nil {
		t.Fatal(err)
	}
	restarted = openMachine(t, path)
	defer restarted.Close()
	if replayed, n := again(restarted, 6*24*time.Hour); !replayed || n != 97 {
		t.Errorf("after a restart: replay %v, %d on hand", replayed, n)
	}
	if replayed, n := again(restarted, 25*time.Hour); replayed || n != 94 {
		t.Errorf("after its life: replay %v, %d on hand", replayed, n)
	}
	for range 300 { // a whole sweep and more
		index, _ := restarted.Applied()
		restarted.Apply(index+1, 1, core.Header(core.NowOf(restarted)+1000, 0, 0), [][]byte{core.Tick()})
	}
	if n := restarted.LiveAdjustKeys(); n != 1 {
		t.Errorf("%d keys in memory, only the last use is alive", n)
	}
}

// TestGateDedupeOfAdjustments: without the memory of keys a repeat sells twice.
func TestGateDedupeOfAdjustments(t *testing.T) {
	s := newShop(t)
	s.mugs("A", 10)
	s.machine.SkipDedupe()
	for range 2 {
		s.frame(s.adjustCall("k", api.AdjustStock{SKU: "A", Delta: -1}))
	}
	if l := s.stockOf("A"); l.OnHand != 8 {
		t.Errorf("%d on hand: the gate does not see a repeat that counts twice", l.OnHand)
	}
}

// TestAdjustmentsAgree: whatever becomes of random adjustments, replicas agree and the ledger fits.
func TestAdjustmentsAgree(t *testing.T) {
	s := newShop(t)
	for _, sku := range []string{"A", "B", "C"} {
		s.mugs(sku, 20)
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 2))
	on := map[string]int64{"A": 20, "B": 20, "C": 20}
	for range 60 {
		var calls []api.FrameCall
		for range 1 + r.IntN(40) {
			a := api.AdjustStock{SKU: []string{"A", "B", "C"}[r.IntN(3)], Delta: r.Int64N(9) - 5}
			calls = append(calls, s.adjustCall(fmt.Sprint("n", r.IntN(500)), a))
		}
		for i, res := range s.frame(calls...) {
			if res.Status == 200 && !res.Replay {
				var a api.AdjustStock
				if err := a.ParseCompact(calls[i].Body); err != nil {
					t.Fatal(err)
				}
				on[a.SKU] += a.Delta
				if l := levelOf(t, res); l.OnHand != on[a.SKU] {
					t.Fatalf("%s: %d on hand, the answers add up to %d", a.SKU, l.OnHand, on[a.SKU])
				}
			}
		}
	}
	var m *core.Machine
	eventually(t, "a replica that applied the same log to have the same state", func() bool {
		m = replay(t, s, func(i int) bool { return i%7 == 0 })
		return m.Hash() == s.machine.Hash()
	})
	if rep, err := m.Check(); err != nil || len(rep.Problems) > 0 {
		t.Errorf("replica: %v %v", err, rep.Problems)
	}
}

// TestTooManyKeys: beyond the bound keyed adjustments are refused for a while, and nothing else is.
func TestTooManyKeys(t *testing.T) {
	s := newShop(t, func(c *core.ServiceConfig) { c.AdjustKeysMax = 2 })
	s.mugs("A", 5)
	for _, key := range []string{"1", "2"} {
		get(s, api.StockAdjust, api.AdjustStock{SKU: "A", Delta: -1}, s.staffCall(key))
	}
	r := s.frame(s.adjustCall("3", api.AdjustStock{SKU: "A", Delta: -1}), s.adjustCall("", api.AdjustStock{SKU: "A", Delta: -1}))
	if r[0].Status != 503 || r[1].Status != 200 {
		t.Errorf("with a key %d %s, without %d %s", r[0].Status, r[0].Body, r[1].Status, r[1].Body)
	}
	s.wantStock("A", 2, 0)
}

// TestOverlongFrame: a frame with more calls than are allowed is refused as a whole.
func TestOverlongFrame(t *testing.T) {
	s := newShop(t)
	status, _, err := fasthttp.Post(nil, "http://"+s.addr+"/v1/frame", nil)
	if err != nil || status != 401 {
		t.Errorf("without a token: %d %v", status, err)
	}
	calls := slices.Repeat([]api.FrameCall{s.adjustCall("k", api.AdjustStock{SKU: "A"})}, 257)
	_, err = api.ParseFrame(string(api.Frame{Calls: calls}.Append(nil)), 256)
	if err == nil {
		t.Error("257 calls passed")
	}
}
