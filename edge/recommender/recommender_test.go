package recommender

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"meridian/api"
	"meridian/recommend"
)

// world is a core and an S3 server as far as edges see them; both can be down.
type world struct {
	mu     sync.Mutex
	newest api.RecommendationTable
	files  map[string][]byte
	down   bool
	reads  int
}

var errDown = errors.New("down")

func newWorld() *world { return &world{files: map[string][]byte{}} }

func (w *world) Table(context.Context) (api.RecommendationTable, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return api.RecommendationTable{}, errDown
	}
	return w.newest, nil
}

func (w *world) Publish(_ context.Context, t api.PublishTable) (api.RecommendationTable, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.newest.Version != t.After {
		return w.newest, api.NewError(api.CodeConflict, "Somebody was faster.")
	}
	gone := []string{}
	if w.newest.Key != "" {
		gone = append(gone, w.newest.Key)
	}
	w.newest = api.RecommendationTable{Version: t.Version, Key: t.Key, Items: t.Items, Pairs: t.Pairs, MadeBy: t.Edge, MadeAt: time.Now().UTC().Format(time.RFC3339), Gone: gone}
	return w.newest, nil
}

func (w *world) Read(_ context.Context, key string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	b, ok := w.files[key]
	if w.down || !ok {
		return nil, errDown
	}
	return b, nil
}

func (w *world) Write(_ context.Context, key, _ string, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return errDown
	}
	w.files[key] = body
	return nil
}

func (w *world) Remove(_ context.Context, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, key)
	return nil
}

func (w *world) change(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn()
}

// learned is a table with one pair.
func learned(_ context.Context, version string) (*recommend.Model, error) {
	b := recommend.NewBuilder(version, time.Now())
	if err := errors.Join(b.Add(recommend.Viewed, "mug", "plate", 1), b.Add(recommend.Viewed, "plate", "mug", 1)); err != nil {
		return nil, err
	}
	return b.Model(), nil
}

func (w *world) edge(name string, learn Learn, every time.Duration) *Recommender {
	return New(Config{Edge: name, Core: w, Files: w, Learn: learn, Every: every, Poll: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
}

func (r *Recommender) version() string {
	if m := r.Model(); m != nil {
		return m.Version()
	}
	return ""
}

func run(t *testing.T, all ...*Recommender) {
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, r := range all {
		wg.Go(func() { r.Run(ctx) })
	}
	t.Cleanup(func() { stop(); wg.Wait() })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// TestOneMakesAllServe: one edge makes the table, all serve it, and old files go.
func TestOneMakesAllServe(t *testing.T) {
	w := newWorld()
	maker, other := w.edge("edge-1", learned, 20*time.Millisecond), w.edge("edge-2", nil, 0)
	run(t, maker, other)
	eventually(t, "both serve a table", func() bool { return maker.version() != "" && other.version() != "" })
	first := other.version()
	eventually(t, "the next one comes", func() bool { return other.version() != first && other.version() != "" })
	eventually(t, "what is old goes", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.files) <= 2 })
	if got := other.Model().Recommend([]string{"mug"}, 5, recommend.Options{}); len(got) != 1 || got[0].Item != "plate" {
		t.Errorf("%+v", got)
	}
	if err := other.Demand(); !errors.Is(err, ErrCannot) {
		t.Errorf("an edge without ClickHouse: %v", err)
	}
	if age := other.Age(); age < 0 || age > 60 {
		t.Errorf("%v s old", age)
	}
	if got := other.State(); got.Version == "" || got.Products != 2 || got.Pairs != 2 || got.Making || got.Problem != "" {
		t.Errorf("%+v", got)
	}
	var none *Recommender
	if none.Model() != nil || none.Age() != -1 || none.State() != (State{}) || !errors.Is(none.Demand(), ErrCannot) {
		t.Error("none has a table")
	}
}

// TestTheOldTableStays: whatever is wrong with the newest, what is served goes on being served.
func TestTheOldTableStays(t *testing.T) {
	w := newWorld()
	r := w.edge("edge-1", nil, 0)
	m, _ := learned(t.Context(), "v1")
	good := m.Append(nil)
	point := func(version, key string) {
		w.change(func() { w.newest = api.RecommendationTable{Version: version, Key: key} })
	}
	w.files["v1"] = good
	point("v1", "v1")
	run(t, r)
	eventually(t, "the table is served", func() bool { return r.version() == "v1" })
	stays := func(what string, change func()) {
		t.Helper()
		w.change(change)
		before := w.reads
		eventually(t, "it was tried with "+what, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.down || w.reads > before+1 })
		if r.version() != "v1" {
			t.Errorf("%s: it serves %q", what, r.version())
		}
	}
	stays("no file", func() { w.newest = api.RecommendationTable{Version: "v2", Key: "v2"} })
	stays("a damaged file", func() { w.files["v2"] = good[:len(good)-1] })
	stays("a file of a newer format", func() {
		newer := slices.Clone(good[:len(good)-sha256.Size])
		newer[len("MRDR")]++
		sum := sha256.Sum256(newer)
		w.files["v2"] = append(newer, sum[:]...)
	})
	stays("another version's file", func() { w.files["v2"] = good })
	stays("an outage", func() { w.down = true })
	m2, _ := learned(t.Context(), "v2")
	w.change(func() { w.down, w.files["v2"] = false, m2.Append(nil) })
	eventually(t, "the new one is served in the end", func() bool { return r.version() == "v2" })
}

// TestTwoMakeOne: of two edges that make a table at once one wins, and the other's file goes.
func TestTwoMakeOne(t *testing.T) {
	w := newWorld()
	var both sync.WaitGroup
	both.Add(2)
	together := func(ctx context.Context, version string) (*recommend.Model, error) {
		both.Done()
		both.Wait() // both have seen the same newest table
		return learned(ctx, version)
	}
	edges := []*Recommender{w.edge("edge-0", together, 0), w.edge("edge-1", together, 0)}
	run(t, edges...)
	for _, r := range edges {
		if err := r.Demand(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "one has made it", func() bool { return edges[0].version() != "" && edges[0].version() == edges[1].version() })
	eventually(t, "what the other was told is no problem any more", func() bool { return edges[0].State().Problem == "" && edges[1].State().Problem == "" })
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.files) != 1 || w.files[w.newest.Key] == nil {
		t.Errorf("%d files", len(w.files))
	}
}

// TestMakingFails: an edge that cannot make a table says why, tries again later and not at once, and makes one when asked.
func TestMakingFails(t *testing.T) {
	w := newWorld()
	tries := make(chan struct{}, 100)
	r := w.edge("edge-1", func(context.Context, string) (*recommend.Model, error) {
		tries <- struct{}{}
		return nil, errors.New("nothing to learn")
	}, 500*time.Millisecond)
	run(t, r)
	<-tries
	eventually(t, "it says why", func() bool { return r.State().Problem == "nothing to learn" && !r.State().Making })
	time.Sleep(50 * time.Millisecond) // ten polls
	if len(tries) > 0 {
		t.Error("it tries again at once")
	}
	if err := r.Demand(); err != nil {
		t.Fatal(err)
	}
	<-tries
	<-tries // and by itself, when it is time
}
