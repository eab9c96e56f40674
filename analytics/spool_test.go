package analytics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

func openSpool(t *testing.T, cfg SpoolConfig) *Spool {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 30
	}
	cfg.Edge, cfg.Region, cfg.Logger = "edge-a", "eu", quiet()
	s, err := OpenSpool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// stored reads every row of a directory as the next process would.
func stored(t *testing.T, dir string) map[uuid.UUID]int {
	t.Helper()
	s := openSpool(t, SpoolConfig{Dir: dir})
	defer s.Close()
	return queued(t, s)
}

// TestKillAtEveryStep copies the directory after every change of it, which is what a kill leaves, and
// opens each copy: what was acknowledged before is there once, what was delivered may be gone.
func TestKillAtEveryStep(t *testing.T) {
	dir := t.TempDir()
	type snapshot struct {
		step, dir    string
		acknowledged []uuid.UUID
	}
	var snapshots []snapshot
	var mu sync.Mutex // guards acknowledged; steps come from the committer and from this test
	var acknowledged []uuid.UUID
	delivered := map[uuid.UUID]bool{}
	step := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		to := t.TempDir()
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		snapshots = append(snapshots, snapshot{name, to, append([]uuid.UUID(nil), acknowledged...)})
	}
	s := openSpool(t, SpoolConfig{Dir: dir, step: step})
	shop := newShopper(t)
	for range 6 {
		rows := shop.rows(t, 5)
		if err := s.Append(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		for _, r := range rows {
			acknowledged = append(acknowledged, r.ID)
		}
		mu.Unlock()
	}
	eventually(t, "the segment is sealed by its age", func() bool { _, ok := s.oldest(); return ok })
	seg, _ := s.oldest()
	content, err := readSegment(seg.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range content.Rows {
		delivered[r.ID] = true
	}
	if err := s.done(seg); err != nil {
		t.Fatal(err)
	}
	steps := map[string]bool{}
	for i, snap := range snapshots {
		steps[snap.step] = true
		ids := stored(t, snap.dir)
		for _, id := range snap.acknowledged {
			if snap.step == "removed" && delivered[id] {
				continue
			}
			if ids[id] != 1 {
				t.Errorf("killed after step %d (%s): an acknowledged event is there %d times", i, snap.step, ids[id])
			}
		}
	}
	for _, want := range []string{"begun", "written", "synced", "sealed", "acknowledged", "removed"} {
		if !steps[want] {
			t.Errorf("step %s was not seen", want)
		}
	}
}

func TestTornTailIsCutAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 3)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(files[0]), sealedSuffix)
	content, _, err := parseSegment(name, whole)
	if err != nil || len(content.Rows) != 3 {
		t.Fatal(len(content.Rows), err)
	}
	seen := map[int]int{}
	for n := range whole {
		torn := t.TempDir()
		open := filepath.Join(torn, name+openSuffix)
		if err := os.WriteFile(open, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		s := openSpool(t, SpoolConfig{Dir: torn})
		rows := 0
		if seg, ok := s.oldest(); ok {
			again, err := readSegment(seg.path)
			if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if rows = len(again.Rows); rows == 0 {
				t.Fatalf("cut at %d: an empty segment was queued", n)
			}
			info, err := os.Stat(seg.path)
			if err != nil || info.Size() > int64(n) {
				t.Fatalf("cut at %d: %v %v", n, info, err)
			}
		}
		seen[rows]++
		_ = s.Close()
	}
	if seen[0] == 0 || seen[1] == 0 || seen[2] == 0 || seen[3] != 0 {
		t.Errorf("rows left by cuts: %v", seen)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-3] ^= 1
	if c, _, err := parseSegment(name, damaged); err != nil || len(c.Rows) != 2 || c.Token == content.Token {
		t.Errorf("a flipped bit: %d rows, %v, token %s", len(c.Rows), err, c.Token)
	}
}

func TestTokenNamesTheContent(t *testing.T) {
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 2, 3)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	first, err1 := readSegment(files[0])
	again, err2 := readSegment(files[0])
	other, err3 := readSegment(files[1])
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if first.Token != again.Token || first.Token == other.Token || !strings.HasPrefix(first.Token, "edge-a-") {
		t.Errorf("%s %s %s", first.Token, again.Token, other.Token)
	}
	if first.Edge != "edge-a" || first.Region != "eu" || time.Since(first.Stored) > time.Minute {
		t.Errorf("%+v", first)
	}
}

func TestAppendsShareOneSync(t *testing.T) {
	var mu sync.Mutex
	syncs, writing, hold := 0, make(chan struct{}, 100), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	s := openSpool(t, SpoolConfig{step: func(name string) {
		if name == "written" {
			writing <- struct{}{}
			<-hold
		}
		if name == "synced" {
			mu.Lock()
			syncs++
			mu.Unlock()
		}
	}})
	t.Cleanup(release) // before the spool closes, which waits for its writer
	shop := newShopper(t)
	const appends = 50
	batches := make([][]Row, appends)
	for i := range batches {
		batches[i] = shop.rows(t, 2)
	}
	var work sync.WaitGroup
	errs := make(chan error, appends)
	work.Go(func() { errs <- s.Append(t.Context(), batches[0]) })
	<-writing // the first is being written, so that all others have to wait
	for _, rows := range batches[1:] {
		work.Go(func() { errs <- s.Append(t.Context(), rows) })
	}
	eventually(t, "all others wait for the second sync", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.group != nil && s.group.rows == 2*(appends-1)
	})
	release()
	work.Wait()
	for range appends {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if st := s.stats(); st.Accepted != 2*appends || syncs != 2 {
		t.Errorf("%d syncs for %d appends, %d rows", syncs, appends, st.Accepted)
	}
}

func TestSegmentsAreSealedBySize(t *testing.T) {
	s := openSpool(t, SpoolConfig{Now: func() time.Time { return time.UnixMilli(1_700_000_000_000) }}) // never old
	row := newShopper(t).rows(t, 1)[0]
	many := make([]Row, 5000)
	for i := range many {
		many[i] = row
	}
	for range segmentRows / len(many) {
		if _, ok := s.oldest(); ok {
			t.Fatal("sealed early")
		}
		if err := s.Append(t.Context(), many); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "sealed by rows", func() bool { _, ok := s.oldest(); return ok })
	seg, _ := s.oldest()
	if c, err := readSegment(seg.path); err != nil || len(c.Rows) != segmentRows {
		t.Errorf("%d rows, %v", len(c.Rows), err)
	}
}

// TestFullSpool fills the spool and watches what goes first.
func TestFullSpool(t *testing.T) {
	s := openSpool(t, SpoolConfig{MaxBytes: 1 << 20})
	rowOf := func(kind string) Row {
		return Row{ID: uuid.New(), Type: kind, At: time.Now(), Received: time.Now(), StatedDay: time.Now(), Session: strings.Repeat("s", 100), Results: -1}
	}
	try := func(kind string) (dropped bool, err error) {
		before := s.stats().Accepted
		err = s.Append(t.Context(), []Row{rowOf(kind)})
		return err == nil && s.stats().Accepted == before, err
	}
	fill := func(tenths int64) {
		for s.stats().SpoolBytes < tenths*s.cfg.MaxBytes/10 {
			rows := make([]Row, 50)
			for i := range rows {
				rows[i] = rowOf("purchase")
			}
			if err := s.Append(t.Context(), rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(when, kind string, want bool) {
		t.Helper()
		if dropped, err := try(kind); err != nil || dropped != want {
			t.Errorf("%s: %s dropped %v, %v", when, kind, dropped, err)
		}
	}
	for _, kind := range api.EventTypes {
		expect("empty", kind, false)
	}
	fill(dropImpressionsAt)
	expect("at 80 %", "rec_impression", true)
	expect("at 80 %", "view_item", false)
	fill(dropViewsAt)
	expect("at 90 %", "view_item", true)
	expect("at 90 %", "add_to_cart", false)
	fill(10)
	expect("at 100 %", "purchase", false)
	fill(refuseAt)
	for _, kind := range []string{"add_to_cart", "purchase"} {
		if _, err := try(kind); api.CodeOf(err) != api.CodeOverloaded {
			t.Errorf("at 110 %%: %s: %v", kind, err)
		}
	}
	st := s.stats()
	if st.DroppedImpressions != 1 || st.DroppedViews != 1 || st.Refused != 2 || st.SpoolBytes > 12*s.cfg.MaxBytes/10 {
		t.Errorf("%+v", st)
	}
}

func TestDeadLettersAreBounded(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, SpoolConfig{Dir: dir, MaxBytes: 1 << 20})
	for i := range 5 {
		path := filepath.Join(dir, segmentName("edge-a", uint64(i+1))+sealedSuffix)
		if err := os.WriteFile(path, make([]byte, 40<<10), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.bury(sealed{path: path, bytes: 40 << 10}, fmt.Errorf("reason %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, deadDir, "*"+sealedSuffix))
	st := s.stats()
	if len(left) != 2 || st.DeadBatches != 5 || st.DeadDeleted != 3 || st.DeadBytes != 80<<10 || !strings.Contains(left[1], "5") {
		t.Errorf("%v %+v", left, st)
	}
}

func TestSpoolIsOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, SpoolConfig{Dir: dir})
	if _, err := OpenSpool(SpoolConfig{Dir: dir, Edge: "edge-a", MaxBytes: 1 << 20}); !errors.Is(err, errSpoolInUse) {
		t.Errorf("a second owner: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if err := s.Append(t.Context(), newShopper(t).rows(t, 1)); !errors.Is(err, errSpoolClosed) {
		t.Errorf("after Close: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again := openSpool(t, SpoolConfig{Dir: dir, step: func(string) {}})
	if err := again.Append(ctx, newShopper(t).rows(t, 1)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestStorageFailureIsRefusedNotLost(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, SpoolConfig{Dir: dir})
	shop := newShopper(t)
	good := shop.rows(t, 3)
	if err := s.Append(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first segment is sealed", func() bool { _, ok := s.oldest(); return ok })
	moved := dir + "-gone"
	if err := os.Rename(dir, moved); err != nil { // the next file cannot be made
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), shop.rows(t, 3)); api.CodeOf(err) != api.CodeUnavailable {
		t.Errorf("without a directory: %v", err)
	}
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	more := shop.rows(t, 3)
	if err := s.Append(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	ids := stored(t, dir)
	for _, r := range append(good, more...) {
		if ids[r.ID] != 1 {
			t.Errorf("an acknowledged event is there %d times", ids[r.ID])
		}
	}
	if len(ids) != 6 {
		t.Errorf("%d events", len(ids))
	}
}
