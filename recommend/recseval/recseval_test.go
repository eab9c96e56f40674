package recseval

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/recommend"
)

// toy reads sessions of testdata/serenade_toy.
func toy(t testing.TB, name string) []Session {
	t.Helper()
	s, err := ReadFile(filepath.Join("testdata", "serenade_toy", name+".tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestYardstick: a VMIS-kNN with Serenade's parameters has the quality that its authors state for these sessions, so the sessions, the protocol and
// the metrics here are theirs.
func TestYardstick(t *testing.T) {
	q := Standard(toy(t, "test"), newVMIS(toy(t, "train"), 1502, 288, 4).rank)
	t.Log(q)
	if q.Predictions != 931 || q.MRR < 0.338 || q.MRR > 0.342 {
		t.Errorf("%d predictions, %v; it should be 931 and an MRR of 0.340", q.Predictions, q)
	}
}

// TestQuality: the shop's table and its combination are better than the yardstick. The SQL that makes the table is held
// against the reference in package analytics.
func TestQuality(t *testing.T) {
	train, test := toy(t, "train"), toy(t, "test")
	m, err := Reference(train, recommend.Default())
	if err != nil {
		t.Fatal(err)
	}
	all, ours := Measure(test, m)
	if all.HR < 0.67 || all.MRR < 0.35 {
		t.Errorf("all next items: %v", all)
	}
	if ours.HR < 0.525 || ours.MRR < 0.26 {
		t.Errorf("new items only: %v", ours)
	}
	// Counting alone is worse: popularity and order are worth something.
	p := recommend.Default()
	p.Following, p.Preceding, p.Alpha, p.Length = 0, 0, 0, 0
	plain, err := Reference(train, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, q := Measure(test, plain); q.MRR > ours.MRR-0.005 || q.HR > ours.HR-0.02 {
		t.Errorf("counting alone has %v, ours %v", q, ours)
	}
}

func TestMeasures(t *testing.T) {
	sessions := []Session{{Items: []string{"a", "b", "a", "c"}}, {Items: []string{"x"}}, {Items: []string{"a", "c"}}}
	always := func([]string) []string { return []string{"a", "c"} }
	// b: no; a: first; c: second; and c after a: second.
	if q := Standard(sessions, always); q.Predictions != 4 || q.HR != 0.75 || q.MRR != 0.5 {
		t.Errorf("%+v", q)
	}
	if q := NewOnly(sessions, always); q.Predictions != 3 || q.HR != 2.0/3 || q.MRR != 1.0/3 {
		t.Errorf("%+v", q)
	}
	long := make([]string, At, At+1)
	if q := Standard(sessions[2:], func([]string) []string { return append(long, "c") }); q.HR != 0 || q.MRR != 0 {
		t.Errorf("place 21 counts: %+v", q)
	}
	if q := Standard(nil, always); q.Predictions != 0 || q.HR != 0 {
		t.Errorf("%+v", q)
	}
}

func TestRead(t *testing.T) {
	got, err := Read(strings.NewReader("# a comment\n1590885032.5 a b\ta\n\n0 x y\n"))
	if err != nil || len(got) != 2 || !got[0].End.Equal(time.UnixMilli(1590885032500)) || strings.Join(got[0].Items, " ") != "a b a" {
		t.Errorf("%+v: %v", got, err)
	}
	for line, want := range map[string]string{"a b": "line 1", "1\n": "no items", "1 a\n-1 b": "line 2", "1 a B": "is no item", "1 -a": "is no item", "1 " + strings.Repeat("a", maxItem+1): "is no item", "NaN a": "no time", "1e300 a": "no time", "1 " + strings.Repeat("x", maxLine): "line 1"} {
		if _, err := Read(strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", line, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("1590885032.5 a b\n# x\n\n0 x y\n")
	f.Fuzz(func(t *testing.T, s string) {
		sessions, err := Read(strings.NewReader(s))
		if err != nil {
			return
		}
		for _, s := range sessions {
			if len(s.Items) == 0 || s.End.Year() < 1970 || s.End.Year() > 2199 {
				t.Errorf("%+v", s)
			}
		}
	})
}
