package recommend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func table(t testing.TB, rows ...string) *Model {
	t.Helper()
	b := NewBuilder("v1", time.UnixMilli(1_700_000_000_123))
	for _, row := range rows {
		var item, neighbour string
		var score float32
		if _, err := fmt.Sscan(row, &item, &neighbour, &score); err != nil {
			t.Fatal(err)
		}
		if err := b.Add(Viewed, item, neighbour, score); err != nil {
			t.Fatal(err)
		}
	}
	return b.Model()
}

func items(rs []Recommendation) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Item)
	}
	return strings.Join(out, " ")
}

// TestRecommend: the newest item counts most, what was seen and what may not be shown is left out, equal scores go by name, and each
// says what it follows from.
func TestRecommend(t *testing.T) {
	m := table(t, "mug plate 0.4", "mug bowl 0.4", "mug spoon 0.1", "pot spoon 0.6", "pot mug 0.5", "pot lid 0.9")
	for visit, want := range map[string]string{
		"mug":             "bowl plate spoon",
		"pot mug":         "lid bowl plate spoon", // lid 0.9/2; spoon 0.1 + 0.6/2 as much as bowl and plate
		"mug pot":         "lid spoon bowl plate",
		"mug unknown pot": "lid spoon bowl plate", // what is not known takes its place
		"unknown":         "",
		"":                "",
	} {
		got := m.Recommend(strings.Fields(visit), 10, Options{})
		if items(got) != want {
			t.Errorf("%q: %+v, want %s", visit, got, want)
		}
	}
	got := m.Recommend([]string{"mug", "pot"}, 10, Options{})
	if got[0].Because != "pot" || got[2].Because != "mug" {
		t.Errorf("%+v", got)
	}
	if got := m.Recommend([]string{"mug"}, 2, Options{May: func(i string) bool { return i != "bowl" }}); items(got) != "plate spoon" {
		t.Errorf("%+v", got)
	}
	if got := m.Recommend([]string{"mug", "pot"}, 3, Options{Seen: true}); items(got) != "mug lid spoon" || got[1].Because != "pot" {
		t.Errorf("%+v", got)
	}
	if m.Recommend([]string{"mug"}, 0, Options{}) != nil || table(t).Recommend([]string{"mug"}, 5, Options{}) != nil {
		t.Error("something out of nothing")
	}
	// What was computed before leaves nothing behind.
	if got := m.Recommend([]string{"mug"}, 10, Options{}); items(got) != "bowl plate spoon" || got[2].Score != 0.1 {
		t.Errorf("%+v", got)
	}
}

// TestOnlyTheLastItemsCount: an item ten others were looked at after has no say, however often.
func TestOnlyTheLastItemsCount(t *testing.T) {
	m := table(t, "mug plate 0.9", "pot lid 0.1")
	visit := []string{"mug", "mug", "mug"}
	for i := range lastItems - 1 {
		visit = append(visit, fmt.Sprint("other-", i))
	}
	if got := m.Recommend(visit, 5, Options{}); items(got) != "plate" {
		t.Errorf("%+v", got)
	}
	if got := m.Recommend(append(visit, "pot"), 5, Options{}); items(got) != "lid" {
		t.Errorf("%+v", got)
	}
}

func TestBuilderRefuses(t *testing.T) {
	b := NewBuilder("v", time.Now())
	for _, c := range []struct {
		a, b  string
		score float32
	}{{"", "b", 1}, {"a", "", 1}, {"a", "a", 1}, {"a", "b", 0}, {"a", "b", -1}, {"a", "b", float32(math.NaN())}, {"a", "b", float32(math.Inf(1))}} {
		if b.Add(Viewed, c.a, c.b, c.score) == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// random is a table of so many items with so many neighbours each.
func random(t testing.TB, n, neighbours int) *Model {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	b := NewBuilder("random", time.Now())
	for i := range n {
		for range neighbours {
			if to := rng.IntN(n); to != i {
				if err := b.Add(Viewed, fmt.Sprint("item-", i), fmt.Sprint("item-", to), rng.Float32()+0.001); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return b.Model()
}

// TestFiles: a table comes back out of its file as it was, and any damage is noticed.
func TestFiles(t *testing.T) {
	m := random(t, 50, 5)
	file := m.Append(nil)
	back, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if back.Version() != m.Version() || !back.Built().Equal(m.Built()) || back.Len() != 50 || back.Pairs() != m.Pairs() || !reflect.DeepEqual(back.Neighbours(Viewed, "item-7"), m.Neighbours(Viewed, "item-7")) {
		t.Errorf("it comes back as another: %v %v %d", back.Version(), back.Built(), back.Len())
	}
	visit := []string{"item-1", "item-2", "item-3"}
	if a, b := m.Recommend(visit, 20, Options{}), back.Recommend(visit, 20, Options{}); len(a) == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("%v %v", a, b)
	}
	for at := range file {
		broken := slices.Clone(file)
		broken[at] ^= 0x20
		if _, err := Parse(broken); !errors.Is(err, ErrFile) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	for n := range file {
		if _, err := Parse(file[:n]); !errors.Is(err, ErrFile) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if m, err := Parse(table(t).Append(nil)); err != nil || m.Len() != 0 {
		t.Errorf("an empty table: %v", err)
	}
}

// TestTablesOfTheirOwn: each table answers for itself, and both come back out of the file.
func TestTablesOfTheirOwn(t *testing.T) {
	b := NewBuilder("v1", time.Now())
	if err := errors.Join(b.Add(Viewed, "mug", "plate", 0.4), b.Add(Bought, "mug", "spoon", 0.3), b.Add(Bought, "spoon", "mug", 0.3)); err != nil {
		t.Fatal(err)
	}
	made := b.Model()
	read, err := Parse(made.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Model{made, read} {
		if got := m.Recommend([]string{"mug"}, 5, Options{}); items(got) != "plate" {
			t.Errorf("viewed: %+v", got)
		}
		if got := m.Recommend([]string{"mug"}, 5, Options{Table: Bought}); items(got) != "spoon" {
			t.Errorf("bought: %+v", got)
		}
		if got := m.Recommend([]string{"spoon"}, 5, Options{}); len(got) != 0 || m.Pairs() != 3 || m.Len() != 3 {
			t.Errorf("%+v, %d pairs of %d items", got, m.Pairs(), m.Len())
		}
	}
	if got := table(t, "mug plate 0.4").Recommend([]string{"mug"}, 5, Options{Table: Bought}); len(got) != 0 {
		t.Errorf("out of no table: %+v", got)
	}
}

// TestFilesOfBefore: a file of format 1 is a table of what is looked at; a table of a name that is not known is left out, and a newer format is refused.
func TestFilesOfBefore(t *testing.T) {
	text, err := os.ReadFile("testdata/table-v1.hex")
	if err != nil {
		t.Fatal(err)
	}
	file, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Recommend([]string{"mug"}, 5, Options{}); items(got) != "bowl plate" || m.Version() != "v1" || m.Built().UnixMilli() != 1_700_000_000_123 || m.Pairs() != 3 {
		t.Errorf("%+v, version %s of %v", got, m.Version(), m.Built())
	}
	whole := table(t, "mug plate 0.4").Append(nil)
	change := func(old, now string) []byte {
		b := bytes.Replace(whole[:len(whole)-sha256.Size], []byte(old), []byte(now), 1)
		sum := sha256.Sum256(b)
		return append(b, sum[:]...)
	}
	if m, err := Parse(change("bought", "return")); err != nil || m.Pairs() != 1 {
		t.Errorf("a table that is not known: %v", err)
	}
	for what, b := range map[string][]byte{"a newer format": change("MRDR\x02", "MRDR\x03"), "format 0": change("MRDR\x02", "MRDR\x00"), "a table twice": change("bought", "viewed")} {
		if _, err := Parse(b); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzParse: no file makes Parse panic or take memory that it does not have bytes for, and what it takes can be used. The
// checksum is put right, as nothing but damage is found by it.
func FuzzParse(f *testing.F) {
	whole := table(f, "mug plate 0.4", "mug bowl 0.4", "pot mug 0.5").Append(nil)
	f.Add(whole[:len(whole)-sha256.Size])
	f.Add([]byte(magic + "\x01"))
	old, err := os.ReadFile("testdata/table-v1.hex")
	if err != nil {
		f.Fatal(err)
	}
	if old, err = hex.DecodeString(strings.TrimSpace(string(old))); err != nil {
		f.Fatal(err)
	}
	f.Add(old[:len(old)-sha256.Size])
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		m, err := Parse(append(slices.Clone(b), sum[:]...))
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Fatal(err)
			}
			return
		}
		visit := m.items[:min(12, len(m.items))]
		for _, table := range []Table{Viewed, Bought} {
			for _, r := range m.Recommend(visit, 20, Options{Table: table, Seen: true}) {
				if !(r.Score > 0) {
					t.Errorf("%+v", r)
				}
			}
		}
		if again, err := Parse(m.Append(nil)); err != nil || again.Pairs() != m.Pairs() {
			t.Errorf("%v", err)
		}
	})
}

// TestManyAtOnce: goroutines that share a table do not share what they compute.
func TestManyAtOnce(t *testing.T) {
	m := random(t, 200, 20)
	visit := func(i int) []string { return []string{fmt.Sprint("item-", i), fmt.Sprint("item-", i+1)} }
	want := map[int][]Recommendation{}
	for i := range 100 {
		want[i] = m.Recommend(visit(i), 20, Options{})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if got := m.Recommend(visit(i), 20, Options{}); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("visit %d: %v", i, got)
				}
			}
		})
	}
	wg.Wait()
}

func TestCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Params){
		"Neighbours": func(p *Params) { p.Neighbours = 0 }, "Sessions": func(p *Params) { p.Sessions = -1 }, "Alpha": func(p *Params) { p.Alpha = 1.1 },
		"Decay": func(p *Params) { p.Decay = 0 }, "Length": func(p *Params) { p.Length = math.NaN() },
	} {
		p := Default()
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkRecommend combines the tables of ten items of 43,000 with fifty neighbours each.
func BenchmarkRecommend(b *testing.B) {
	m := random(b, 43_000, 50)
	visits := make([][]string, 1000)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range visits {
		for range lastItems {
			visits[i] = append(visits[i], fmt.Sprint("item-", rng.IntN(43_000)))
		}
	}
	for i := 0; b.Loop(); i++ {
		m.Recommend(visits[i%len(visits)], 20, Options{})
	}
	b.ReportMetric(float64(len(m.Append(nil)))/1e6, "MB/file")
}
