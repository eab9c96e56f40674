// Package storybook serves every canned page of package web, to look at without a shop behind it. It
// promises the security headers that the edge sends, so that what breaks there breaks here too. It is
// for loopback only and takes no data. Read Handler; the pages themselves are web.CannedViews.
package storybook

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"

	"meridian/web"
)

// Policy is the content security policy that the pages are written for.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves a list of pages at /, each at /{name}, the static files, and pictures: from assets
// where it is not nil, else drawn.
func Handler(assets http.Handler) http.Handler {
	mux := http.NewServeMux()
	static := web.Static()
	mux.HandleFunc("GET /static/", func(w http.ResponseWriter, r *http.Request) {
		f, ok := static[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", f.ContentType)
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(f.Bytes)
	})
	if assets == nil {
		assets = http.HandlerFunc(drawn)
	}
	mux.Handle("GET /assets/", assets)
	mux.HandleFunc("GET /api/v1/recommendations", func(w http.ResponseWriter, _ *http.Request) { answer(w, `{"items":[]}`) })
	mux.HandleFunc("GET /api/v1/search/suggest", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, `{"queries":["lamp","lamp shade"],"products":[]}`)
	})
	mux.HandleFunc("POST /api/v1/events", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("POST /privacy", func(w http.ResponseWriter, r *http.Request) {
		if choice := r.FormValue("choice"); choice == "yes" || choice == "no" {
			http.SetCookie(w, &http.Cookie{Name: "consent", Value: choice, Path: "/"})
		}
		http.Redirect(w, r, "/privacy", http.StatusSeeOther)
	})
	views := web.CannedViews()
	for _, c := range views {
		mux.HandleFunc("GET /"+c.Name, func(w http.ResponseWriter, _ *http.Request) { show(w, c.View) })
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { list(w, views) })
	return mux
}

// answer is what the script asks for, with nothing in it that changes the page.
func answer(w http.ResponseWriter, doc string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(doc))
}

func show(w http.ResponseWriter, v web.View) {
	var b bytes.Buffer
	if err := v.Render(&b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", Policy)
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	_, _ = w.Write(b.Bytes())
}

func list(w http.ResponseWriter, views []web.Canned) {
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Storybook</title><h1>Storybook</h1><ul>`)
	for _, c := range views {
		name := template.HTMLEscapeString(c.Name)
		b.WriteString(`<li><a href="/` + name + `">` + name + `</a></li>`)
	}
	b.WriteString(`</ul></html>`)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}
