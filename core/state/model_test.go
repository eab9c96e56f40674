package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestModel compares both kinds of tables with plain maps under random operations.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 1))
	path := newPath(t)
	s := open(t, path)
	model := map[string]map[string]string{"stock": {}, "orders": {}}
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	index := uint64(0)
	for round := range rounds {
		switch r.IntN(12) {
		case 0, 1, 2:
			checkpoint(t, s)
		case 3:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openEvery(t, path, []time.Duration{never, time.Millisecond}[r.IntN(2)])
			if got, _ := s.Applied(); got != index {
				t.Fatalf("reopened at %d, want %d", got, index)
			}
		case 4:
			index += uint64(r.IntN(3))
			s.Reached(index)
		default:
			index++
			s.Update(index, 1, func() { change(t, r, s, model) })
		}
		s.View(func() { compare(t, r, s, model) })
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		if want := modelHash(model); s.Hash() != want {
			t.Fatalf("round %d: hash %016x, the rows give %016x", round, s.Hash(), want)
		}
	}
	verify(t, s)
}

func tableOf(s *shop, name string) *Table[string] {
	if name == "stock" {
		return s.hot
	}
	return s.cold
}

func change(t *testing.T, r *rand.Rand, s *shop, model map[string]map[string]string) {
	for range 1 + r.IntN(12) {
		name := []string{"stock", "orders"}[r.IntN(2)]
		table, rows := tableOf(s, name), model[name]
		key := fmt.Sprintf("%c%d", 'a'+r.IntN(3), r.IntN(20))
		switch r.IntN(8) {
		case 0, 1:
			table.Delete(key)
			delete(rows, key)
		case 2:
			compare(t, r, s, model)
		case 3:
			changeInScan(t, r, table, rows)
		default:
			value := fmt.Sprint(r.IntN(1000))
			table.Put(key, value)
			rows[key] = value
		}
	}
}

// changeInScan changes rows before and behind a scan, which must not notice.
func changeInScan(t *testing.T, r *rand.Rand, table *Table[string], rows map[string]string) {
	backwards := r.IntN(2) == 0
	want := expected(rows, "", backwards, len(rows))
	scan := table.Ascend
	if backwards {
		scan = table.Descend
	}
	var got []string
	scan("", func(key, v string) bool {
		got = append(got, key+"="+v)
		other := fmt.Sprintf("%c%d", 'a'+r.IntN(3), r.IntN(20))
		if r.IntN(2) == 0 {
			table.Delete(other)
			delete(rows, other)
		} else {
			table.Put(other, "in scan")
			rows[other] = "in scan"
		}
		return true
	})
	if !slices.Equal(got, want) {
		t.Errorf("scan gave\n%v, the table held\n%v", got, want)
	}
}

// compare checks Len, Get and a scan in each direction, from a random key and with a random end.
func compare(t *testing.T, r *rand.Rand, s *shop, model map[string]map[string]string) {
	t.Helper()
	for name, rows := range model {
		table := tableOf(s, name)
		if table.Len() != len(rows) {
			t.Errorf("%s: Len %d, want %d", name, table.Len(), len(rows))
		}
		from := []string{"", "a", "b1", "b", fmt.Sprintf("c%d", r.IntN(25)), "zz"}[r.IntN(6)]
		want, ok := rows[from]
		if got, gotOK := table.Get(from); got != want || gotOK != ok {
			t.Errorf("%s: Get %q: %q %v, want %q %v", name, from, got, gotOK, want, ok)
		}
		limit := 1 + r.IntN(40)
		if got, want := collect(table.Ascend, from, limit), expected(rows, from, false, limit); !slices.Equal(got, want) {
			t.Errorf("%s: Ascend %q:\n%v, want\n%v", name, from, got, want)
		}
		if got, want := collect(table.Descend, from, limit), expected(rows, from, true, limit); !slices.Equal(got, want) {
			t.Errorf("%s: Descend %q:\n%v, want\n%v", name, from, got, want)
		}
	}
}

func collect(scan func(string, func(string, string) bool), from string, limit int) (got []string) {
	scan(from, func(key, v string) bool {
		got = append(got, key+"="+v)
		return len(got) < limit
	})
	return got
}

func expected(rows map[string]string, from string, backwards bool, limit int) (want []string) {
	var keys []string
	for key := range rows {
		if (!backwards && key >= from) || (backwards && (from == "" || key <= from)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if backwards {
		slices.Reverse(keys)
	}
	for _, key := range keys[:min(limit, len(keys))] {
		want = append(want, key+"="+rows[key])
	}
	return want
}
