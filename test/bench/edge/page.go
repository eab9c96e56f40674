package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"meridian/internal/pause"
	"meridian/test/bench/shop"
)

// host is what every system is asked for: with a name off loopback our edge sends all its headers.
const host = "shop.example"

// page is a finished page as our edge made it. Everybody sends these bytes.
type page struct {
	Path        string
	ContentType string
	Plain, Gzip body
}

// body is the page in one encoding.
type body struct {
	Bytes []byte
	ETag  string
}

// load is what one case sends, and what must come back.
type load struct {
	name   string
	header []string // "Name: value"
	status int
	want   []byte
}

func caseNames() []string { return []string{"gzip", "plain", "304"} }

// loadOf is a case for a system whose answers have these entity tags.
func loadOf(name string, p *page, etag string) load {
	switch name {
	case "plain":
		return load{name: name, status: http.StatusOK, want: p.Plain.Bytes}
	case "304":
		return load{name: name, header: []string{"Accept-Encoding: gzip", "If-None-Match: " + etag}, status: http.StatusNotModified}
	}
	return load{name: name, header: []string{"Accept-Encoding: gzip"}, status: http.StatusOK, want: p.Gzip.Bytes}
}

// transport leaves requests and bodies as they are.
var transport = &http.Transport{DisableCompression: true}

// ask sends one request as the load generator does.
func ask(ctx context.Context, base, path string, header []string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Host = host
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, b, err
}

// check asks for a case and holds the answer against the page.
func (l load) check(ctx context.Context, base, path string) (*http.Response, error) {
	res, b, err := ask(ctx, base, path, l.header)
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode != l.status:
		return nil, fmt.Errorf("%s: status %d instead of %d: %.200s", l.name, res.StatusCode, l.status, b)
	case sha256.Sum256(b) != sha256.Sum256(l.want):
		return nil, fmt.Errorf("%s: %d bytes that are not the page's %d", l.name, len(b), len(l.want))
	case len(l.header) > 0 && l.want != nil && res.Header.Get("Content-Encoding") != "gzip":
		return nil, fmt.Errorf("%s: Content-Encoding is %q", l.name, res.Header.Get("Content-Encoding"))
	}
	return res, nil
}

// makePage puts a product into a shop and gives back its finished page of about size bytes.
func makePage(ctx context.Context, s *shop.Shop, seed uint64, size int) (*page, error) {
	const handle = "bench-edge"
	p := &page{Path: "/products/" + handle}
	put := func(length int) (string, error) {
		text := sentences(rand.New(rand.NewPCG(seed, 1)), length)
		return text, putProduct(ctx, s, handle, "BENCH-EDGE", text)
	}
	// Once with little text, to see how long everything else is.
	text, err := put(2000)
	if err != nil {
		return nil, fmt.Errorf("make the product: %w", err)
	}
	small, err := p.finished(ctx, s.Edge, text)
	if err != nil {
		return nil, err
	}
	if text, err = put(2000 + size - len(small.Bytes)); err != nil {
		return nil, fmt.Errorf("change the product: %w", err)
	}
	if p.Plain, err = p.finished(ctx, s.Edge, text); err != nil {
		return nil, err
	}
	if n := len(p.Plain.Bytes); n < size*9/10 || n > size*11/10 {
		return nil, fmt.Errorf("the page has %d bytes instead of about %d", n, size)
	}
	p.Gzip, err = p.compressed(ctx, s.Edge)
	return p, err
}

// putProduct makes or changes a product through the staff API.
func putProduct(ctx context.Context, s *shop.Shop, handle, sku, text string) error {
	product := map[string]any{"handle": handle, "title": "A kettle for a long morning", "description_html": text, "vendor": "Bench", "type": "Kettle", "status": "active",
		"variants": []any{map[string]any{"sku": sku, "title": "", "prices": map[string]int64{"EUR": 4999, "USD": 5499}, "on_hand": 1000}}}
	return shop.Client{Base: s.Edge, Token: s.Token}.Do(ctx, "PUT", "/admin/api/v1/products/"+handle, product, nil)
}

// finished waits until the edge shows this text, and answers with the page.
func (p *page) finished(ctx context.Context, base, text string) (out body, err error) {
	return out, until(ctx, "the edge shows the product's text", func() (bool, error) {
		res, b, err := ask(ctx, base, p.Path, nil)
		if err != nil {
			return false, err
		}
		p.ContentType = res.Header.Get("Content-Type")
		out = body{b, res.Header.Get("ETag")}
		return res.StatusCode == http.StatusOK && strings.Contains(string(b), text), nil
	})
}

// compressed waits until the edge has compressed the page as well as it will. It does that in the
// background, and has br only then.
func (p *page) compressed(ctx context.Context, base string) (out body, err error) {
	err = until(ctx, "the edge has compressed the page well", func() (bool, error) {
		res, _, err := ask(ctx, base, p.Path, []string{"Accept-Encoding: br"})
		return err == nil && res.Header.Get("Content-Encoding") == "br", err
	})
	if err != nil {
		return out, err
	}
	res, b, err := ask(ctx, base, p.Path, []string{"Accept-Encoding: gzip"})
	if err != nil {
		return out, err
	}
	if enc := res.Header.Get("Content-Encoding"); enc != "gzip" {
		return out, fmt.Errorf("the edge answered Accept-Encoding: gzip with Content-Encoding %q", enc)
	}
	return body{b, res.Header.Get("ETag")}, nil
}

// until waits for a condition.
func until(ctx context.Context, what string, ok func() (bool, error)) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		done, err := ok()
		switch {
		case err != nil:
			return fmt.Errorf("until %s: %w", what, err)
		case done:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("waited 30 s until %s", what)
		}
		if err := pause.For(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

var (
	subjects = strings.Fields("kettle handle lid spout base steel enamel glaze maker workshop finish rim seam grip whistle valve flame hob morning kitchen water steam copper cork")
	verbs    = strings.Fields("keeps holds warms meets carries follows turns softens lifts rests outlasts answers finds leaves shows")
	others   = strings.Fields("quiet heavy brushed narrow patient bright even early plain second honest slow careful round small lasting deep northern")
)

// sentences is text of about so many bytes that compresses as prose does.
func sentences(rng *rand.Rand, length int) string {
	one := func(words []string) string { return words[rng.IntN(len(words))] }
	var b strings.Builder
	for b.Len() < length {
		b.WriteString("<p>")
		for range 3 + rng.IntN(4) {
			fmt.Fprintf(&b, "The %s %s %s the %s %s of a %s, number %d", one(others), one(subjects), one(verbs), one(others), one(subjects), one(subjects), rng.IntN(100_000))
			if rng.IntN(2) == 0 {
				fmt.Fprintf(&b, ", and its %s %s a %s %s", one(subjects), one(verbs), one(others), one(subjects))
			}
			b.WriteString(". ")
		}
		b.WriteString("</p>")
	}
	return b.String()
}

// save and readPage hand the page to the processes that send it.
func (p *page) save(path string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

func readPage(path string) (*page, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &page{}
	return p, json.Unmarshal(b, p)
}
