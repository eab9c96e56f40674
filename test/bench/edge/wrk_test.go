package main

import (
	"strings"
	"testing"
	"time"
)

const wrkOutput = `Running 2s test @ http://127.0.0.1:18080/products/bench-edge
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.35ms    1.02ms  31.20ms   94.01%
    Req/Sec    49.53k     3.61k   53.06k    75.00%
  Latency Distribution
     50%  871.00us
     75%    1.30ms
     90%    1.61ms
     99%    4.72ms
  98723 requests in 2.00s, 2.31GB read
Requests/sec:  49321.47
Transfer/sec:      1.15GB
`

func TestParseWrk(t *testing.T) {
	a, err := parseWrk(wrkOutput)
	if err != nil {
		t.Fatal(err)
	}
	if a.requests != 98723 || a.rate != 49321.47 || a.p50 != 871*time.Microsecond || a.p99 != 4720*time.Microsecond || a.bytes != 2.31*(1<<30) {
		t.Errorf("%+v", a)
	}
	for name, out := range map[string]string{
		"errors of sockets":   strings.Replace(wrkOutput, "Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec", 1),
		"bad statuses":        strings.Replace(wrkOutput, "Requests/sec", "  Non-2xx or 3xx responses: 12\nRequests/sec", 1),
		"no latencies":        strings.Replace(wrkOutput, "99%    4.72ms", "", 1),
		"no requests":         strings.Replace(wrkOutput, "98723 requests", "0 requests", 1),
		"a latency in apples": strings.Replace(wrkOutput, "871.00us", "871.00apples", 1),
		"an amount in apples": strings.Replace(wrkOutput, "2.31GB read", "2.31apples read", 1),
		"nothing":             "",
	} {
		if a, err := parseWrk(out); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestUnitsOfWrk(t *testing.T) {
	for s, want := range map[string]time.Duration{"871.00us": 871 * time.Microsecond, "1.25ms": 1250 * time.Microsecond, "2.10s": 2100 * time.Millisecond, "1.50m": 90 * time.Second} {
		if got, err := span(s); err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", s, got, err, want)
		}
	}
	for s, want := range map[string]float64{"512.00B": 512, "25.00KB": 25 << 10, "1.50MB": 1.5 * (1 << 20), "2.00GB": 2 << 30, "1.00TB": 1 << 40} {
		if got, err := size(s); err != nil || got != want {
			t.Errorf("%s is %v (%v), want %v", s, got, err, want)
		}
	}
}

// An answer that is another variant, cut short, or a page instead of a 304, is seen by its length.
func TestFits(t *testing.T) {
	page := &page{Plain: body{Bytes: make([]byte, 25_000)}, Gzip: body{Bytes: make([]byte, 6_000)}}
	for _, c := range []struct {
		load string
		each float64
		ok   bool
	}{
		{"plain", 25_300, true}, {"plain", 26_500, true}, {"plain", 6_300, false}, {"plain", 24_000, false}, {"plain", 30_000, false},
		{"gzip", 6_300, true}, {"gzip", 25_300, false}, {"gzip", 900, false}, {"304", 300, true}, {"304", 1_200, true}, {"304", 6_300, false},
	} {
		err := answers{requests: 1000, bytes: 1000 * c.each}.fits(loadOf(c.load, page, `"x"`))
		if (err == nil) != c.ok {
			t.Errorf("%s with %.0f bytes an answer: %v", c.load, c.each, err)
		}
	}
}
