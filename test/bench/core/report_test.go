package main

import (
	"strings"
	"testing"
	"time"

	"meridian/test/bench/report"
)

// at is a result with a rate of n a second.
func at(n int) result { return result{commands: n, over: time.Second} }

func TestTable(t *testing.T) {
	ours, theirs := adjust("a", true, 1, 1), adjust("b", true, 1, 1)
	rs := []row{
		{group: "g", title: "ours over theirs", cells: []cell{ours, theirs}, value: rates, unit: "×", goal: report.AtLeast(2)},
		{group: "g", title: "ours", cells: []cell{ours}, value: rate, unit: "/s", goal: report.AtMost(3000)},
		{group: "g", title: "nobody's", cells: []cell{adjust("c", true, 1, 1)}, value: rate, unit: "/s", goal: report.AtLeast(1)},
	}
	// The rounds' ratios are 4, 1, 3 and 2: their median is 2.5, that of the rates' quotient would be 2.
	m := measurements{ours: {at(4000), at(1000), at(6000), at(4000)}, theirs: {at(1000), at(1000), at(2000), at(2000)}}
	ls := lines(rs, m)
	got := report.Markdown(ls)
	want := `| what | this | against | median | least | most | goal |  |
| --- | --- | --- | --- | --- | --- | --- | --- |
| ours over theirs | 4,000/s | 1,500/s | 2.50× | 1.00× | 4.00× | ≥ 2.00× | ok |
| ours | 4,000/s |  | 4,000/s | 1,000/s | 6,000/s | ≤ 3,000/s | SHORT |
| nobody's | - |  | - | - | - | ≥ 1/s | not measured |
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	table := strings.Split(strings.TrimSuffix(report.TSV(ls), "\n"), "\n")
	if len(table) != 4 {
		t.Fatalf("%d lines in\n%s", len(table), strings.Join(table, "\n"))
	}
	if want := "g\tours over theirs\t4000\t1500\t2.5\t×\t≥ 2.00×\tok\t4 1 3 2"; table[1] != want {
		t.Errorf("got  %q\nwant %q", table[1], want)
	}
	for _, l := range table {
		if n := strings.Count(l, "\t"); n != 8 {
			t.Errorf("%d tabs in %q", n, l)
		}
	}
}

func TestFailoverLines(t *testing.T) {
	var took []float64
	for i := range 50 {
		took = append(took, float64(2000+10*(49-i)))
	}
	ls := failoverLines(took, 900*time.Millisecond)
	if len(ls) != 2 || ls[0].Value != 2240 || ls[0].Verdict() != "ok" || ls[1].Value != 2490 || ls[1].Verdict() != "ok" {
		t.Errorf("%+v", ls)
	}
	if got := failoverLines(took, 600*time.Millisecond); got[0].Verdict() != "SHORT" || got[1].Verdict() != "SHORT" {
		t.Errorf("%s and %s of heartbeats of 600 ms", got[0].Verdict(), got[1].Verdict())
	}
	if !strings.Contains(report.Markdown(ls), "p99 of 50; goal 3 heartbeats and an election time-out |  |  | 2,490 ms | 2,000 ms | 2,490 ms | ≤ 3,600 ms | ok |") {
		t.Error(report.Markdown(ls))
	}
}

// TestEveryRowCanBeMeasured holds rows and targets together.
func TestEveryRowCanBeMeasured(t *testing.T) {
	keys := map[string]bool{}
	for _, x := range targets() {
		if keys[x.key] {
			t.Errorf("target %s is there twice", x.key)
		}
		keys[x.key] = true
		if len(cellsOf(rows(), x.key)) == 0 {
			t.Errorf("no row needs target %s", x.key)
		}
	}
	for _, r := range rows() {
		for _, c := range r.cells {
			if !keys[c.target] {
				t.Errorf("row %q needs target %s, which does not exist", r.title, c.target)
			}
		}
		results := make([]result, len(r.cells))
		for i := range results {
			results[i] = at(1)
		}
		r.value(results) // must not ask for cells that the row does not have
	}
}

func TestRoundsRotate(t *testing.T) {
	ts := []target{{key: "a"}, {key: "b"}, {key: "c"}}
	first := ""
	for round := range 4 {
		order := rotated(ts, round)
		if len(order) != 3 {
			t.Fatalf("round %d has %d systems", round, len(order))
		}
		first += order[0].key
	}
	if first != "abca" {
		t.Errorf("rounds begin with %s", first)
	}
}

func TestOptions(t *testing.T) {
	o, err := parseOptions(strings.Fields("--rounds 2 --seconds 0.5 --only hot,frames --peers redis --seed 7"))
	if err != nil {
		t.Fatal(err)
	}
	if o.measured != 500*time.Millisecond || o.warm != 250*time.Millisecond || o.seed != 7 {
		t.Errorf("measured %v, warm-up %v, seed %d", o.measured, o.warm, o.seed)
	}
	for _, r := range o.chosen {
		if r.group != "hot" && r.group != "frames" || strings.Contains(r.title, "PostgreSQL") {
			t.Errorf("row %q was not asked for", r.title)
		}
	}
	for want, args := range map[string]string{"--rounds": "--rounds 0", "--seconds": "--seconds 0", "--only": "--only everything", "--peers": "--peers etcd", "leaves out": "--only hot --peers="} {
		if _, err := parseOptions(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}
