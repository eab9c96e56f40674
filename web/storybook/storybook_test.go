package storybook

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"meridian/web"
)

func get(t *testing.T, base, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return r, string(b)
}

var ours = regexp.MustCompile(`(?:src|href)="(/(?:static|assets)/[^"]+\.(?:css|js|svg|jpg))"`)

func TestEveryPageAndItsFilesAreServed(t *testing.T) {
	s := httptest.NewServer(Handler(nil))
	t.Cleanup(s.Close)
	_, index := get(t, s.URL, "/")
	files := map[string]bool{}
	for _, c := range web.CannedViews() {
		if !strings.Contains(index, `href="/`+c.Name+`"`) {
			t.Errorf("the list does not lead to %s", c.Name)
		}
		r, body := get(t, s.URL, "/"+c.Name)
		if r.StatusCode != 200 || r.Header.Get("Content-Security-Policy") != Policy {
			t.Errorf("%s: status %d, policy %q", c.Name, r.StatusCode, r.Header.Get("Content-Security-Policy"))
		}
		for _, m := range ours.FindAllStringSubmatch(body, -1) {
			files[m[1]] = true
		}
	}
	if len(files) < 5 {
		t.Fatalf("only %d files found in the pages", len(files))
	}
	for f := range files {
		if r, body := get(t, s.URL, f); r.StatusCode != 200 || body == "" {
			t.Errorf("%s: status %d, %d bytes", f, r.StatusCode, len(body))
		}
	}
}
