package state

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const accounts, total = 40, 40 * 100

// TestConcurrentReaders moves amounts between accounts in both kinds of tables while checkpoints,
// snapshots and Verify run. Every reader must always find the whole sum, and both tables equal.
func TestConcurrentReaders(t *testing.T) {
	s := openEvery(t, newPath(t), time.Millisecond)
	s.Update(1, 1, func() {
		for i := range accounts {
			s.hot.Put(account(i), "100")
			s.cold.Put(account(i), "100")
		}
	})
	var stop atomic.Bool
	var workers sync.WaitGroup
	work := func(fn func()) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for !stop.Load() {
				fn()
			}
		}()
	}
	for range 2 {
		work(func() { s.View(func() { checkSums(t, s) }) })
	}
	work(func() {
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
	})
	work(func() {
		snap, err := s.Snapshot()
		if err != nil {
			t.Error(err)
			return
		}
		defer snap.Release()
		if _, err := snap.WriteTo(io.Discard); err != nil {
			t.Error(err)
		}
	})
	work(func() { s.Hash(); s.HashAt(5); s.Applied(); s.Durable() })
	entries := uint64(3000)
	if testing.Short() {
		entries = 500
	}
	for i := uint64(2); i < entries && !t.Failed(); i++ {
		s.Update(i, 1, func() { move(s, int(i%accounts), int(i*7%accounts), int(i%13)) })
	}
	stop.Store(true)
	workers.Wait()
	s.View(func() { checkSums(t, s) })
	verify(t, s)
}

// TestConcurrentRestore reads while states of other accounts are restored again and again.
func TestConcurrentRestore(t *testing.T) {
	from := open(t, newPath(t))
	from.Update(1, 1, func() {
		for i := range accounts {
			from.hot.Put(account(i), "100")
			from.cold.Put(account(i), "100")
		}
	})
	stream := snapshotOf(t, from)
	s := openEvery(t, newPath(t), time.Millisecond)
	if err := s.Restore(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for !stop.Load() {
				s.View(func() { checkSums(t, s) })
			}
		}()
	}
	defer readers.Wait()
	defer stop.Store(true)
	for range 15 {
		for i := uint64(2); i < 20; i++ {
			s.Update(i, 1, func() { move(s, int(i), 0, 1) })
		}
		if err := s.Restore(bytes.NewReader(stream)); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, s)
}

func account(i int) string { return fmt.Sprintf("account %02d", i) }

func move(s *shop, from, to, amount int) {
	if from == to {
		return
	}
	for _, table := range []*Table[string]{s.hot, s.cold} {
		add(table, from, -amount)
		add(table, to, amount)
	}
}

// add deletes accounts at zero, so that deletions are among the changes.
func add(table *Table[string], i, amount int) {
	v, _ := table.Get(account(i))
	n, _ := strconv.Atoi(v)
	if n += amount; n == 0 {
		table.Delete(account(i))
		return
	}
	table.Put(account(i), strconv.Itoa(n))
}

func checkSums(t *testing.T, s *shop) {
	rows := map[string]string{}
	sum, n := 0, 0
	s.hot.Ascend("", func(key, v string) bool { rows[key] = v; return true })
	s.cold.Ascend("", func(key, v string) bool {
		amount, err := strconv.Atoi(v)
		if err != nil || rows[key] != v {
			t.Errorf("%s is %q cold and %q hot", key, v, rows[key])
		}
		sum += amount
		n++
		return true
	})
	if sum != total || n != s.cold.Len() || n != len(rows) {
		t.Errorf("sum %d of %d rows, want %d of %d", sum, n, total, s.cold.Len())
	}
	for key, want := range rows {
		if got, _ := s.cold.Get(key); got != want {
			t.Errorf("%s is %q cold and %q hot", key, got, want)
		}
		break
	}
}
