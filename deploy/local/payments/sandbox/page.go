package sandbox

import (
	"fmt"
	"html/template"
	"net/http"
)

const pageSize = 200

var pageTemplate = template.Must(template.New("charges").Funcs(template.FuncMap{
	"money": func(minor int64, currency string) string {
		if currency == "JPY" {
			return fmt.Sprintf("%d %s", minor, currency)
		}
		return fmt.Sprintf("%d.%02d %s", minor/100, minor%100, currency)
	},
}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox payments</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1d2733;background:#fafaf8}
h1{font-size:1.4rem;margin:0}p{color:#566270;margin:.25rem 0 1.5rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;background:#fff}
th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #e6e8ea;white-space:nowrap}
th{font-size:.8rem;color:#566270}td.n{text-align:right;font-variant-numeric:tabular-nums}
</style></head><body>
<h1>Sandbox payment provider</h1>
<p>{{.Total}} charges. The newest {{len .Items}} are shown; GET /charges lists all of them. No real money moves here.</p>
<div class="wide"><table><thead><tr><th>Charge</th><th>Order</th><th>Amount</th><th>State</th><th>Refunded</th><th>Created</th></tr></thead><tbody>
{{range .Items}}<tr><td title="{{.Key}}">{{.ID}}</td><td>{{.Order}}</td><td class="n">{{money .Amount .Currency}}</td><td>{{.State}}{{with .DeclineCode}} ({{.}}){{end}}</td><td class="n">{{money .Refunded .Currency}}</td><td>{{.CreatedAt}}</td></tr>
{{else}}<tr><td colspan="6">Nothing yet. Buy something.</td></tr>
{{end}}</tbody></table></div></body></html>
`))

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	items, total := s.book.newest(pageSize)
	if !s.settled(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	if err := pageTemplate.Execute(w, map[string]any{"Items": items, "Total": total}); err != nil {
		s.cfg.Logger.Warn("page not sent whole", "err", err)
	}
}
