package main

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ops are what operators look at: /metrics, /healthz and /readyz.
type ops struct {
	statements, refused prometheus.Counter
	metrics             http.Handler
}

func newOps() ops {
	o := ops{
		statements: prometheus.NewCounter(prometheus.CounterOpts{Name: "clickhouse_engine_statements_total", Help: "Statements run."}),
		refused:    prometheus.NewCounter(prometheus.CounterOpts{Name: "clickhouse_engine_refused_total", Help: "Statements that failed or were refused."}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(o.statements, o.refused)
	o.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return o
}

// operations answers what is for operators, and says whether it was.
func (s *server) operations(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/metrics":
		s.ops.metrics.ServeHTTP(w, r)
	case "/healthz":
		_, _ = io.WriteString(w, "ok\n")
	case "/readyz":
		if _, err := s.engine.query("SELECT 1", "TabSeparated", scope{}); err != nil {
			http.Error(w, "the engine does not answer", http.StatusServiceUnavailable)
			break
		}
		_, _ = io.WriteString(w, "ready\n")
	default:
		return false
	}
	return true
}
