package core

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Operations is the listener that is never public: /metrics, /healthz, /readyz and pprof. ready says
// why the node cannot serve, or nil; more are the collectors of what cmd/core joins to the shop.
func (s *Service) Operations(ready func() error, more ...prometheus.Collector) http.Handler {
	reg := prometheus.NewRegistry()
	gauge := func(name, help string, fn func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_core_" + name, Help: help}, fn))
	}
	under := func(fn func() int) func() float64 {
		return func() (v float64) {
			s.m.db.View(func() { v = float64(fn()) })
			return v
		}
	}
	gauge("applied_index", "Raft index of the applied state.", func() float64 { return float64(s.m.Index().Raft) })
	gauge("durable_index", "Raft index of the last durable checkpoint.", func() float64 { i, _ := s.m.Durable(); return float64(i) })
	gauge("products", "Products in the catalogue.", under(s.m.products.Len))
	gauge("orders", "Orders ever placed.", under(s.m.orders.Len))
	gauge("open_orders", "Orders with a payment or refund under way.", under(s.m.open.Len))
	gauge("live_edges", "Edges that hold a lease.", under(func() int { return len(s.m.liveEdges()) }))
	gauge("waiting", "People in waiting rooms who have not been let in.", under(func() (n int) {
		s.m.rooms.Ascend("", func(_ string, r roomRec) bool { n += int(r.Arrived - r.Admitted); return true })
		return n
	}))
	gauge("outbox_entries", "Outbox entries not yet done by every consumer.", under(s.m.outbox.Len))
	gauge("leading", "1 while this node leads and is ready to decide.", func() float64 {
		if s.log.Leading() {
			return 1
		}
		return 0
	})
	reg.MustRegister(newOutboxLag(s.m))
	for _, c := range more {
		reg.MustRegister(c)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
