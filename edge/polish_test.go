package edge

import (
	"log/slog"
	"strings"
	"testing"
)

// polished waits until a page is compressed well.
func polished(t *testing.T, s *Server, path string) {
	t.Helper()
	eventually(t, "a page that is asked for again is compressed well", func() bool {
		resp, _ := get(t, s, path, "Accept-Encoding", "br")
		return resp.Header.Get("Content-Encoding") == "br"
	})
}

// TestPolishIsBounded: entries beyond the queue are asked for again by later hits, none is lost.
func TestPolishIsBounded(t *testing.T) {
	p := newPolisher(slog.New(slog.DiscardHandler))
	body := []byte(strings.Repeat("a mug is a mug. ", 100))
	all := make([]*entry, 3*polishQueue)
	for i := range all {
		v, rough, err := newVariants("text/html", body)
		if err != nil || !rough || len(v) != 2 {
			t.Fatal(len(v), rough, err)
		}
		all[i] = &entry{variants: v, rough: rough}
	}
	for range 2 {
		for _, e := range all {
			p.ask(e)
			p.ask(e)
		}
	}
	for waiting := 0; ; waiting = 0 {
		for len(p.queue) > 0 {
			p.polish(<-p.queue)
		}
		for _, e := range all {
			if e.better.Load() == nil {
				waiting++
				p.ask(e)
			}
		}
		if waiting == 0 {
			break
		}
	}
	for _, e := range all {
		if got := *e.better.Load(); len(got) != 3 || got[1].encoding != "br" || len(got[2].body) > len(e.variants[1].body) {
			t.Fatalf("%d encodings", len(got))
		}
	}
}
