package analytics

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// holds gives the files below a directory that have one of the texts.
func holds(t *testing.T, dir string, texts ...string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// appendAll puts rows into the spool, a segment for each call.
func appendAll(t *testing.T, s *Spool, all ...[]Row) {
	t.Helper()
	for _, rows := range all {
		if err := s.Append(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
}

// TestErasedFromTheSpool: rows of an erased visitor leave files that have waited for long, in both slots and among the dead letters, and no others do, wherever
// a kill comes in between. A file from which rows were taken keeps its token.
func TestErasedFromTheSpool(t *testing.T) {
	dir := t.TempDir()
	s := newShopper(t)
	ada, bob := s.person("ada"), s.person("bob")
	yesterday := dayOf(time.Now()).Add(-aDay)
	mine, others := ada.rows(yesterday, yesterday), bob.rows(yesterday, yesterday)

	// A process before has left a file in the other slot, and a batch was set aside.
	before := openTest(t, Config{Dir: dir})
	successor := openTest(t, Config{Dir: dir, Successor: true})
	left := append(bob.rows(yesterday), ada.rows(yesterday)...)
	appendAll(t, successor.spool, left)
	buried := append(ada.rows(yesterday), bob.rows(yesterday)...)
	appendAll(t, before.spool, buried)
	if err := errors.Join(successor.Close(), before.Close()); err != nil {
		t.Fatal(err)
	}

	a := openTest(t, Config{Dir: dir})
	eventually(t, "what was left is taken over", func() bool { return a.Stats().SpoolSegments == 2 })
	for {
		seg, _ := a.spool.oldest()
		if content, err := readSegment(seg.path); err != nil {
			t.Fatal(err)
		} else if content.Rows[0].ID == buried[0].ID {
			if err := a.spool.bury(seg, errors.New("too much for this table")); err != nil {
				t.Fatal(err)
			}
			break
		}
		a.spool.mu.Lock()
		a.spool.queue = append(a.spool.queue[1:], a.spool.queue[0])
		a.spool.mu.Unlock()
	}
	appendAll(t, a.spool, mine, others, append(mine[:4:4], others...), s.rows(t, 50))
	eventually(t, "all is sealed", func() bool { return a.Stats().SpoolSegments == 5 })
	tokens := map[string]string{}
	segments := func() (all []string) {
		t.Helper()
		queue, err1 := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
		dead, err2 := filepath.Glob(filepath.Join(dir, deadDir, "*"+sealedSuffix))
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return append(queue, dead...)
	}
	for _, path := range segments() {
		content, err := readSegment(path)
		if err != nil {
			t.Fatal(err)
		}
		tokens[path] = content.Token
	}
	kept := queued(t, a.spool)
	for _, r := range append(mine, left[4:]...) {
		delete(kept, r.ID)
	}

	var mu sync.Mutex
	copies := map[string]string{}
	a.spool.cfg.step = func(step string) {
		mu.Lock()
		defer mu.Unlock()
		to := t.TempDir()
		if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		copies[to] = step
	}
	list := &wanted{}
	list.want(ada.visitor)
	if err := a.erasures.fetch(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	ids := []string{ada.visitor, ada.first, ada.second, ada.words}
	a.pruneSpool(time.Now())
	if n := len(holds(t, dir, ids...)); n == 0 {
		t.Error("files that have just come are looked through")
	}
	later := time.Now().Add(pruneAge + time.Minute)
	a.pruneSpool(later)
	if files := holds(t, dir, ids...); len(files) > 0 {
		t.Errorf("still in %v", files)
	}
	if files := holds(t, dir, bob.visitor); len(files) != 4 {
		t.Errorf("another's rows are in %v", files)
	}
	same := func(what string, got map[uuid.UUID]int) {
		t.Helper()
		for id, n := range kept {
			if got[id] != n {
				t.Errorf("%s: a row is there %d times instead of %d", what, got[id], n)
			}
		}
	}
	same("after", queued(t, a.spool))
	for _, path := range segments() {
		content, err := readSegment(path)
		if err != nil || content.Token != tokens[path] || content.Edge != "edge-test" || content.Stored.IsZero() {
			t.Errorf("%s: token %s instead of %s, %v", path, content.Token, tokens[path], err)
		}
	}
	if used := a.Stats(); used.SpoolSegments != 4 || used.SpoolBytes != sizes(t, filepath.Join(dir, "*"+sealedSuffix)) || used.DeadBytes != sizes(t, filepath.Join(dir, deadDir, "*"+sealedSuffix)) {
		t.Errorf("%+v", used)
	}
	seen := map[string]bool{}
	for copied, step := range copies {
		seen[step] = true
		same("killed after "+step, stored(t, copied))
	}
	if !seen["pruned"] || !seen["emptied"] {
		t.Errorf("steps: %v", seen)
	}
	written := len(copies)
	a.pruneSpool(later.Add(pruneEvery))
	if len(copies) != written {
		t.Error("files of which nothing is to be erased were written again")
	}
}

func sizes(t *testing.T, pattern string) (n int64) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		n += stat(f).Size()
	}
	return n
}

// TestPrunedBatchIsNotDoubled: a batch may be in ClickHouse though nobody heard so when rows are taken out of its file. The control gives the file
// the token of its new content.
func TestPrunedBatchIsNotDoubled(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	w, s := e.warehouse(), newShopper(t)
	ada, bob := s.person("ada"), s.person("bob")
	yesterday := dayOf(time.Now()).Add(-aDay)
	for _, control := range []bool{false, true} {
		dir := t.TempDir()
		a := openTest(t, Config{Dir: dir})
		appendAll(t, a.spool, append(ada.rows(yesterday), bob.rows(yesterday)...))
		eventually(t, "all is sealed", func() bool { return a.Stats().SpoolSegments == 1 })
		seg, _ := a.spool.oldest()
		content, err := readSegment(seg.path)
		if err != nil {
			t.Fatal(err)
		}
		e.exec("TRUNCATE TABLE events")
		if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
			t.Fatal(err)
		}
		if control {
			b := segmentHeader(content.Edge, content.Region, content.Stored)
			for i := 4; i < 8; i++ {
				b = appendRecord(b, &content.Rows[i])
			}
			if err := os.WriteFile(seg.path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			list := &wanted{}
			list.want(ada.visitor)
			if err := a.erasures.fetch(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			a.pruneSpool(time.Now().Add(2 * pruneAge))
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		drained(t, openTest(t, Config{Dir: dir, Addr: e.url()}))
		rows := e.number("SELECT count() FROM events WHERE query = '" + bob.words + "'")
		if want := map[bool]uint64{false: 1, true: 2}[control]; rows != want {
			t.Errorf("control %v: a row is there %d times", control, rows)
		}
	}
}

// TestUnreadableDeadLetter: nobody can say whose rows are in a dead letter that cannot be read, so it goes when something was erased after it.
func TestUnreadableDeadLetter(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, Config{Dir: dir})
	path := filepath.Join(dir, deadDir, segmentName("edge-test", 7)+sealedSuffix)
	if err := errors.Join(os.WriteFile(path, []byte(strings.Repeat("x", 300)), 0o644), os.WriteFile(path+".reason", []byte("damaged"), 0o644)); err != nil {
		t.Fatal(err)
	}
	list := &wanted{}
	list.want("v1")
	if err := a.erasures.fetch(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	a.pruneSpool(time.Now().Add(unreadableMax / 2))
	if stat(path) == nil {
		t.Fatal("it went before anybody could look at it")
	}
	a.pruneSpool(time.Now().Add(unreadableMax))
	if stat(path) != nil || stat(path+".reason") != nil {
		t.Error("it is still there")
	}
}

// TestPrunedHeader holds the form of a file from which rows were taken, and finds each damage of its header.
func TestPrunedHeader(t *testing.T) {
	s := &segment{Edge: "edge-a", Region: "eu", Stored: time.Unix(1_700_000_000, 0), hash: []byte("0123456789ab")}
	const golden = "MSPL\x02\x80\xc4\x9f\xd5\x0c\x06edge-a\x02eu0123456789ab"
	b := prunedHeader(s)
	if got := string(b[:len(b)-4]); got != golden {
		t.Errorf("%q", got)
	}
	got, length, err := parseSegment("n", b)
	if err != nil || length != len(b) || got.Token != "n-303132333435363738396162" || got.Edge != "edge-a" || got.Region != "eu" || !got.Stored.Equal(s.Stored) {
		t.Errorf("%+v %d %v", got, length, err)
	}
	for i := range b {
		damaged := bytes.Clone(b)
		damaged[i] ^= 0x40
		if _, _, err := parseSegment("n", damaged); !errors.Is(err, errNotSegment) {
			t.Errorf("byte %d damaged: %v", i, err)
		}
		if _, _, err := parseSegment("n", b[:i]); !errors.Is(err, errNotSegment) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}
