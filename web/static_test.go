package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"meridian/web"
)

// What the style sheet and the script may weigh on the wire, in bytes.
const (
	cssMax = 12 << 10
	jsMax  = 8 << 10
)

func TestStaticFilesAreNamedByContent(t *testing.T) {
	files := web.Static()
	for path, f := range files {
		sum := sha256.Sum256(f.Bytes)
		if !strings.Contains(path, "."+hex.EncodeToString(sum[:4])+".") {
			t.Errorf("%s does not carry the hash of its content", path)
		}
		if len(f.Bytes) == 0 || f.ContentType == "application/octet-stream" {
			t.Errorf("%s: %d bytes of %s", path, len(f.Bytes), f.ContentType)
		}
	}
	for _, name := range []string{"app.css", "app.js", "icon.svg", "speculation.json"} {
		if _, ok := files[web.StaticPath(name)]; !ok {
			t.Errorf("%s is not served at %s", name, web.StaticPath(name))
		}
	}
	if _, ok := files[web.StaticPath("nothing.css")]; ok {
		t.Error("a file that does not exist is served")
	}
}

func TestStaticFilesAreSmall(t *testing.T) {
	for name, max := range map[string]int{"app.css": cssMax, "app.js": jsMax} {
		n := compressed(t, web.Static()[web.StaticPath(name)].Bytes, 11)
		t.Logf("%s: %d bytes compressed", name, n)
		if n > max {
			t.Errorf("%s is %d bytes compressed, want at most %d", name, n, max)
		}
	}
}

// Trusted Types forbid these; a browser would throw only when the line runs.
func TestScriptWritesNoMarkup(t *testing.T) {
	js := string(web.Static()[web.StaticPath("app.js")].Bytes)
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "parseFromString", "eval(", "new Function", ".srcdoc", ".style"} {
		if strings.Contains(js, sink) {
			t.Errorf("the script uses %s", sink)
		}
	}
}
