package web

import (
	"embed"
	"path"
	"strings"
)

// files holds what internal/bundle made of assets/: one flat directory, content-hashed names.
//
//go:embed static
var files embed.FS

// staticPrefix is where the files are served from.
const staticPrefix = "/static/"

// File is a static file. Its name carries a hash of its content, so it never changes.
type File struct {
	Bytes       []byte
	ContentType string
}

// Static lists every static file by its path, such as /static/app.3f9c1e2b.css. Call it once: it reads them all.
func Static() map[string]File {
	entries, err := files.ReadDir("static")
	if err != nil {
		panic("web: the embedded directory static is missing: " + err.Error())
	}
	out := make(map[string]File, len(entries))
	for _, e := range entries {
		b, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			panic("web: embedded file " + e.Name() + " cannot be read: " + err.Error())
		}
		out[staticPrefix+e.Name()] = File{Bytes: b, ContentType: contentType(e.Name())}
	}
	return out
}

// StaticPath is the path of a static file by the name of its source: app.css, app.js, icon.svg,
// speculation.json. A name that does not exist gives a path that is not served.
func StaticPath(name string) string {
	if hashed := hashedName(name); hashed != "" {
		return staticPrefix + hashed
	}
	return staticPrefix + name
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		if strings.HasPrefix(name, "speculation.") {
			return "application/speculationrules+json"
		}
		return "application/json"
	}
	return "application/octet-stream"
}
