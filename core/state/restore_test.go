package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

func snapshotOf(t testing.TB, s *shop) []byte {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	n, err := snap.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("snapshot: %d of %d bytes, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func TestSnapshotAndRestore(t *testing.T) {
	const last = 200
	seed := seed(t)
	from := open(t, newPath(t))
	for i := uint64(1); i <= last; i++ {
		play(from, seed, i)
	}
	from.Reached(last + 3)
	if err := from.SetTimeline(7); err != nil {
		t.Fatal(err)
	}
	stream := snapshotOf(t, from)

	path := newPath(t)
	to := open(t, path)
	put(t, to, 1, "old", "1") // neither durable nor in the snapshot
	if err := to.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	same := func(s *shop) {
		t.Helper()
		if s.Position() != from.Position() {
			t.Fatalf("position %+v, want %+v", s.Position(), from.Position())
		}
		mustHave(t, s, "old", "")
		verify(t, s)
		for i := range from.tables {
			var got, want []string
			from.View(func() { want = collect([]*Table[string]{from.hot, from.cold}[i].Ascend, "", 1000) })
			s.View(func() { got = collect([]*Table[string]{s.hot, s.cold}[i].Ascend, "", 1000) })
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("table %d differs", i)
			}
		}
	}
	same(to)
	if index, _ := to.Durable(); index != last+3 {
		t.Errorf("durable %d after a restore, want %d", index, last+3)
	}
	if hash, ok := to.HashAt(last + 1); !ok || hash != from.Hash() {
		t.Errorf("HashAt(%d) after a restore: %016x, %v", last+1, hash, ok)
	}
	play(to, seed, last+4)
	play(from, seed, last+4)
	checkpoint(t, to)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	same(open(t, path))
}

// TestRestoreBroken cuts the stream everywhere that matters and flips bytes in each part. The old
// state stays, durable or not, and can go on.
func TestRestoreBroken(t *testing.T) {
	from := open(t, newPath(t))
	put(t, from, 50, "new", "1")
	good := snapshotOf(t, from)

	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "durable", "1")
	checkpoint(t, s)
	put(t, s, 2, "applied", "1")
	before := s.Position()

	broken := map[string][]byte{"empty": {}, "long length": mutate(good, 25, 0x7f)}
	for _, n := range []int{1, snapshotHeader - 1, snapshotHeader, snapshotHeader + 1, len(good) / 2, len(good) - checksumBytes, len(good) - 1} {
		broken["cut at "+strconv.Itoa(n)] = good[:n]
	}
	for _, n := range []int{0, len(snapshotMagic), 9, 17, 25, 32, snapshotHeader, snapshotHeader + 5000, len(good) - checksumBytes - 1, len(good) - checksumBytes, len(good) - 1} {
		broken["flipped at "+strconv.Itoa(n)] = mutate(good, n, 1)
	}
	broken["header of another index"] = rechecked(mutate(good, 16, 1))
	broken["no bbolt file"] = rechecked(append(header{index: 50, term: 1, length: 4096}.encode(), make([]byte, 4096+8)...))
	for name, stream := range broken {
		if err := s.Restore(bytes.NewReader(stream)); err == nil {
			t.Fatalf("%s: restored", name)
		} else if !strings.HasPrefix(err.Error(), "state: restore: ") {
			t.Errorf("%s: %v", name, err)
		}
		if s.Position() != before {
			t.Fatalf("%s: position %+v, was %+v", name, s.Position(), before)
		}
		mustHave(t, s, "applied", "1")
		mustHave(t, s, "new", "")
		if _, err := os.Stat(path + restoreSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the received file is still there", name)
		}
	}
	if len(s.failed) != 0 {
		t.Errorf("a broken stream is no storage error: %v", <-s.failed)
	}
	put(t, s, 3, "later", "1")
	verify(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	mustHave(t, s, "later", "1")
	if err := s.Restore(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	mustHave(t, s, "new", "1")
}

func mutate(b []byte, at int, flip byte) []byte {
	b = bytes.Clone(b)
	b[at] ^= flip
	return b
}

// rechecked gives the stream the checksum of its bytes.
func rechecked(b []byte) []byte {
	b = bytes.Clone(b)
	body := b[:len(b)-checksumBytes]
	return binary.BigEndian.AppendUint64(body, xxhash.Sum64(body))
}

// TestSnapshotOutlivesRestore streams a snapshot of the old state after a restore, and across later
// checkpoints.
func TestSnapshotOutlivesRestore(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "old", "1")
	old, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(2); i < 40; i++ { // the view keeps its pages
		put(t, s, i, "old", strings.Repeat("x", 5000))
		checkpoint(t, s)
	}
	if old.Index() != 1 {
		t.Errorf("snapshot at %d, want 1", old.Index())
	}
	other := open(t, newPath(t))
	put(t, other, 50, "new", "1")
	if err := s.Restore(bytes.NewReader(snapshotOf(t, other))); err != nil {
		t.Fatal(err)
	}
	put(t, s, 51, "newer", "1")
	checkpoint(t, s)
	var stream bytes.Buffer
	if _, err := old.WriteTo(&stream); err != nil {
		t.Fatal(err)
	}
	old.Release()
	old.Release()
	if _, err := old.WriteTo(&stream); err == nil {
		t.Error("a released snapshot was written")
	}
	third := open(t, newPath(t))
	if err := third.Restore(&stream); err != nil {
		t.Fatal(err)
	}
	mustHave(t, third, "old", "1")
	mustHave(t, third, "new", "")
	verify(t, third)
	verify(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustHave(t, open(t, path), "newer", "1")
}

// TestCrashInRestore copies the directory at each step of a restore: what opens is the old state or
// the new one.
func TestCrashInRestore(t *testing.T) {
	other := open(t, newPath(t))
	put(t, other, 50, "new", "1")
	stream := snapshotOf(t, other)

	path := newPath(t)
	s := open(t, path)
	put(t, s, 1, "old", "1")
	checkpoint(t, s)
	crashed := map[string]string{}
	s.step = func(name string) {
		dir := t.TempDir()
		crashed[name] = filepath.Join(dir, "state.db")
		copyFile(t, path, crashed[name])
		if _, err := os.Stat(path + restoreSuffix); err == nil {
			copyFile(t, path+restoreSuffix, crashed[name]+restoreSuffix)
		}
	}
	if err := s.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	s.step = func(string) {}
	for name, key := range map[string]string{"received": "old", "renamed": "new"} {
		after := open(t, crashed[name])
		mustHave(t, after, key, "1")
		after.View(func() {
			if after.hot.Len() != 1 || after.cold.Len() != 1 {
				t.Errorf("%s: %d and %d rows, want 1", name, after.hot.Len(), after.cold.Len())
			}
		})
		verify(t, after)
		if _, err := os.Stat(crashed[name] + restoreSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the received file was left", name)
		}
	}
}

// FuzzRestore gives Restore whatever it finds; the old state must stay or the new one be whole.
func FuzzRestore(f *testing.F) {
	from, err := prepare(f, newPath(f), never)
	if err != nil {
		f.Fatal(err)
	}
	put(f, from, 2, "new", "1")
	good := snapshotOf(f, from)
	if err := from.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:100])
	f.Add(rechecked(mutate(good, 16, 1)))
	f.Add(rechecked(mutate(good, snapshotHeader+4096*2+20, 1)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := open(t, newPath(t))
		put(t, s, 1, "old", "1")
		if s.Restore(bytes.NewReader(stream)) != nil {
			mustHave(t, s, "old", "1")
		}
		put(t, s, s.Position().Reached+1, "later", "1")
		checkpoint(t, s)
	})
}
