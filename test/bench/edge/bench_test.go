package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/internal/flagenv"
)

func TestBadSettingsNameTheFlag(t *testing.T) {
	for want, args := range map[string]string{"--rounds": "--rounds 0", "--seconds": "--seconds 601", "--systems": "--systems apache", "--cases": "--cases brotli",
		"--connections": "--connections 5000", "--page-bytes": "--page-bytes 100", "--memory": "--memory /proc"} {
		if _, err := parseOptions(strings.Fields(args)); flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := parseOptions([]string{"--cases="}); flagenv.ExitCode(err) != flagenv.ExitBadConfig {
		t.Errorf("no cases: %v", err)
	}
}

func TestChosen(t *testing.T) {
	got, err := chosen("systems", " varnish, bare,,bare ", peers)
	if err != nil || !slices.Equal(got, []string{varnishName, bareName}) {
		t.Errorf("%v %v", got, err)
	}
}

// Every case is compared with every system, in both figures.
func TestEveryRowIsThere(t *testing.T) {
	type key struct {
		load, against string
		cost          bool
	}
	seen := map[key]int{}
	for _, r := range rows() {
		seen[key{r.load, r.against, r.cost}]++
	}
	for _, load := range caseNames() {
		for _, against := range append([]string{baselineName}, peers...) {
			for _, cost := range []bool{false, true} {
				if n := seen[key{load, against, cost}]; n != 1 {
					t.Errorf("%s against %s, processor time %v: %d rows", load, against, cost, n)
				}
			}
		}
	}
}

// A ratio is that of one round, never a quotient of medians.
func TestLines(t *testing.T) {
	run := func(rate float64, cpu time.Duration) figures {
		return figures{answers: answers{rate: rate, requests: 1000, p50: 1, p99: 1}, cpu: cpu, took: time.Second}
	}
	b := &bench{o: options{cases: []string{"gzip"}}, systems: []*system{{name: oursName}, {name: bareName}}, results: map[cell][]figures{
		// The rounds' ratios are 4, 1, 3 and 2; the medians' quotient would be 2.67.
		{oursName, "gzip"}: {run(4000, 1000), run(1000, 2000), run(6000, 3000), run(4000, 4000)},
		{bareName, "gzip"}: {run(1000, 1000), run(1000, 1000), run(2000, 1000), run(2000, 1000)},
	}}
	ls := b.lines()
	if len(ls) != 2 || ls[0].Value != 2.5 || ls[0].Verdict() != "ok" || ls[1].Value != 2.5 || ls[1].Verdict() != "SHORT" {
		t.Errorf("%+v", ls)
	}
	if own := b.own(); !strings.Contains(own, "| gzip | ours | 4,000/s | 1,000/s | 6,000/s |") {
		t.Error(own)
	}
}

func TestRoundsRotate(t *testing.T) {
	all := []*system{{name: "a"}, {name: "b"}, {name: "c"}}
	first := ""
	for round := range 4 {
		order := rotated(all, round)
		if len(order) != 3 {
			t.Fatalf("round %d has %d systems", round, len(order))
		}
		first += order[0].name
	}
	if first != "abca" {
		t.Errorf("rounds begin with %s", first)
	}
}

// The text of a seed is the same every time, and another with another seed.
func TestSentencesReplay(t *testing.T) {
	text := func(seed uint64) string { return sentences(rand.New(rand.NewPCG(seed, 1)), 5000) }
	if a := text(7); a != text(7) || a == text(8) || len(a) < 5000 || len(a) > 6000 {
		t.Errorf("%d bytes", len(a))
	}
}

// What is compared with sends the variant that is asked for, and 304 for its own entity tag only.
func TestSender(t *testing.T) {
	p := &page{Path: "/x", ContentType: "text/html", Plain: body{[]byte("plain"), `"p"`}, Gzip: body{[]byte("zipped"), `"g"`}}
	file := filepath.Join(t.TempDir(), "page.json")
	if err := p.save(file); err != nil {
		t.Fatal(err)
	}
	p, err := readPage(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{page: p}
	for _, c := range []struct {
		accept, tag string
		status      int
		body        string
	}{
		{"", "", 200, "plain"}, {"gzip", "", 200, "zipped"}, {"gzip", `"g"`, 304, ""}, {"", `"p"`, 304, ""}, {"gzip", `"p"`, 200, "zipped"}, {"", `"g"`, 200, "plain"},
	} {
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/x")
		ctx.Request.Header.Set("Accept-Encoding", c.accept)
		ctx.Request.Header.Set("If-None-Match", c.tag)
		s.count(&ctx)
		h := &ctx.Response.Header
		if ctx.Response.StatusCode() != c.status || string(ctx.Response.Body()) != c.body || (string(h.Peek("Content-Encoding")) == "gzip") != (c.body == "zipped") {
			t.Errorf("%+v: %d %q", c, ctx.Response.StatusCode(), ctx.Response.Body())
		}
	}
	if n := s.fetches.Load(); n != 6 {
		t.Errorf("%d fetches are counted as %d", 6, n)
	}
	if _, err := readPage(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Error(err)
	}
}
