package web_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/html"

	"meridian/web"
)

// htmlMax is what a page may weigh on the wire, in bytes of brotli at the quality of cached pages.
const htmlMax = 12 << 10

func rendered(t testing.TB, v web.View) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := v.Render(&b); err != nil {
		t.Fatalf("render: %v", err)
	}
	return b.Bytes()
}

func TestEveryCannedViewIsSoundHTML(t *testing.T) {
	for _, c := range web.CannedViews() {
		t.Run(c.Name, func(t *testing.T) {
			page := rendered(t, c.View)
			for _, p := range faults(page) {
				t.Error(p)
			}
			if n := compressed(t, page, 5); n > htmlMax {
				t.Errorf("page is %d bytes compressed, want at most %d", n, htmlMax)
			}
		})
	}
}

// The checks above must be able to fail: each of these has one fault.
func TestFaultsAreFound(t *testing.T) {
	ok := string(rendered(t, web.CannedViews()[0].View))
	if p := faults([]byte(ok)); len(p) > 0 {
		t.Fatalf("faults in a sound page: %q", p)
	}
	for name, broken := range map[string]string{
		"style attribute":   strings.Replace(ok, "<h1>", `<h1 style="color:red">`, 1),
		"handler attribute": strings.Replace(ok, "<h1>", `<h1 onclick="x()">`, 1),
		"inline script":     strings.Replace(ok, "<h1>", `<script>x()</script><h1>`, 1),
		"second main":       strings.Replace(ok, "<h1>", `<main></main><h1>`, 1),
		"double id":         strings.Replace(ok, "<h1>", `<h1 id="main">`, 1),
		"image without alt": strings.Replace(ok, "<h1>", `<img src="/a" width="1" height="1"><h1>`, 1),
		"dead reference":    strings.Replace(ok, "<h1>", `<h1 aria-describedby="nowhere">`, 1),
		"field, no label":   strings.Replace(ok, "<h1>", `<input name="x"><h1>`, 1),
		"outside address":   strings.Replace(ok, "<h1>", `<a href="javascript:x()">x</a><h1>`, 1),
		"unclosed element":  strings.Replace(ok, "</main>", "", 1),
	} {
		if len(faults([]byte(broken))) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

func compressed(t testing.TB, b []byte, quality int) int {
	t.Helper()
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, quality)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

// faults lists what is wrong with a page: structure, policy and the things that assistive technology needs.
func faults(page []byte) []string {
	out := unbalanced(page)
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return append(out, err.Error())
	}
	c := check{ids: map[string]int{}, labels: map[string]bool{}}
	c.collect(doc)
	c.inspect(doc)
	for id, n := range c.ids {
		if n > 1 {
			c.add("id %q is used %d times", id, n)
		}
	}
	if c.mains != 1 || c.headings != 1 {
		c.add("%d main and %d h1, want one of each", c.mains, c.headings)
	}
	return append(out, c.found...)
}

// void elements have no end tag.
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// unbalanced finds elements that are not closed in the order they were opened. The parser mends that silently.
func unbalanced(page []byte) []string {
	z := html.NewTokenizer(bytes.NewReader(page))
	var open []string
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				return []string{z.Err().Error()}
			}
			if len(open) > 0 {
				return []string{fmt.Sprintf("not closed: %v", open)}
			}
			return nil
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return []string{fmt.Sprintf("</%s> closes nothing; open are %v", name, open)}
			}
			open = open[:len(open)-1]
		}
	}
}
