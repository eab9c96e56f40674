package collector

import (
	"html/template"
	"io"
	"net/http"
)

const style = `<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1d2733;background:#fafaf8}
h1{font-size:1.4rem;margin:0}p{color:#566270;margin:.25rem 0 1.5rem}
ul{list-style:none;padding:0}li{background:#fff;border:1px solid #e6e8ea;border-radius:.5rem;margin:.5rem 0}
li a{display:block;padding:.75rem 1rem;color:inherit;text-decoration:none}li a:hover,li a:focus{background:#f2f5f4}
small{color:#566270}pre{white-space:pre-wrap;background:#fff;border:1px solid #e6e8ea;border-radius:.5rem;padding:1rem;overflow-wrap:anywhere}
iframe{width:100%;height:40rem;border:1px solid #e6e8ea;border-radius:.5rem;background:#fff}
</style>`

var pages = template.Must(template.New("list").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Mailbox</title>` + style + `</head><body>
<h1>Mailbox</h1><p>What the shop sent. Nothing here was delivered to anyone.</p>
<ul>{{range .}}<li><a href="/messages/{{.ID}}"><strong>{{.Subject}}</strong><br><small>to {{.To}}, {{.At}}</small></a></li>
{{else}}<li><a href="/">No mail yet. Buy something, then look again.</a></li>{{end}}</ul></body></html>
{{define "show"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Subject}}</title>` + style + `</head><body>
<p><a href="/">All mails</a></p><h1>{{.Subject}}</h1><p>from {{.From}}<br>to {{.To}}<br>{{.At}}</p>
{{if .HTML}}<iframe sandbox title="The mail as HTML" src="/messages/{{.ID}}/html"></iframe><h2>As text</h2>{{end}}<pre>{{.Text}}</pre></body></html>{{end}}`))

const csp = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'"

func (s *Server) list(w http.ResponseWriter, _ *http.Request) {
	s.render(w, "list", s.box.list("", s.cfg.Keep))
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	m, ok := s.box.get(r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	s.render(w, "show", m)
}

func (s *Server) render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		s.cfg.Logger.Warn("page not sent whole", "err", err)
	}
}

// html gives the mail's own HTML, with no right to run or load anything.
func (s *Server) html(w http.ResponseWriter, r *http.Request) {
	m, ok := s.box.get(r.PathValue("id"))
	if !ok || m.HTML == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'")
	_, _ = io.WriteString(w, m.HTML)
}
