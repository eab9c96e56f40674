package edge

import (
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/internal/proxied"
)

// metrics of an edge, all under meridian_edge_.
type metrics struct {
	requests *prometheus.CounterVec
	results  *prometheus.CounterVec
	byStatus [600]atomic.Pointer[prometheus.Counter] // out of requests, as they are needed
	byResult map[string]prometheus.Counter           // out of results
	latency  prometheus.Histogram
	fill     prometheus.Histogram
	panics   prometheus.Counter
	entries  prometheus.Counter
	resets   prometheus.Counter
	limited  *prometheus.CounterVec // see limits
	proxy    *prometheus.CounterVec

	handshakes *prometheus.CounterVec // that failed, by reason
}

func newMetrics(reg *prometheus.Registry, s *Server) (*metrics, error) {
	name := func(n string) string { return "meridian_edge_" + n }
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("requests_total"), Help: "Answers by status."}, []string{"status"}),
		results:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("cache_results_total"), Help: "Cacheable requests by how they were answered."}, []string{"result"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: name("request_seconds"), Help: "Time from the request's head to its answer.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
		fill: prometheus.NewHistogram(prometheus.HistogramOpts{Name: name("fill_seconds"), Help: "Time of a handler that fills the cache.",
			Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}}),
		panics:  prometheus.NewCounter(prometheus.CounterOpts{Name: name("panics_total"), Help: "Handlers that panicked."}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{Name: name("feed_entries_total"), Help: "Entries of the change feed applied."}),
		resets:  prometheus.NewCounter(prometheus.CounterOpts{Name: name("feed_resets_total"), Help: "Times the feed did not know our cursor."}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("limited_total"), Help: "Requests refused because their client made too many, by class."}, []string{"class"}),
		proxy:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("proxy_protocol_refused_total"), Help: "Connections closed for a missing or bad PROXY protocol header, or one from an untrusted network."}, []string{"reason"}),

		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("tls_handshakes_failed_total"), Help: "Connections of the TLS listener that ended before they were secure."}, []string{"reason"}),
		byResult:   map[string]prometheus.Counter{},
	}
	for _, why := range []string{handshakeLate, handshakePlain, handshakeFailed} {
		m.handshakes.WithLabelValues(why)
	}
	for _, r := range []string{"hit", "stale", "collapsed", "miss", "bypass"} {
		m.byResult[r] = m.results.WithLabelValues(r)
	}
	for _, why := range proxied.Reasons() {
		m.proxy.WithLabelValues(string(why))
	}
	gauge := func(n, help string, fn func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name(n), Help: help}, fn)
	}
	for _, c := range []prometheus.Collector{m.requests, m.results, m.latency, m.fill, m.panics, m.entries, m.resets, m.limited, m.proxy, m.handshakes,
		gauge("limits_forgiven", "Clients forgotten by a limit, for lack of room, although they had made many requests.", func() float64 { return s.tuned.Load().limits.forgiven() }),
		gauge("feed_age_seconds", "Since the last heartbeat of the change feed.", func() float64 { return min(1e9, s.epochs.beatAge(time.Now()).Seconds()) }),
		gauge("feed_index", "How far the change feed was followed.", func() float64 { return float64(s.epochs.position().Raft) }),
		gauge("cache_dropped_fills", "Fills that did not fit or were refused.", func() float64 { return float64(s.cache.dropped.Load()) }),
		gauge("cache_free_bytes", "Room left in the cache.", func() float64 { return float64(s.cache.r.RemainingCost()) }),
		gauge("memory_file_bytes", "Bodies that are sent often, kept a second time for the kernel to send without a copy.", func() float64 { return float64(s.memfiles.bytes.Load()) }),
		gauge("refused_overload", "Requests refused because too many were being served.", func() float64 { return float64(s.gates.refused()) }),
		gauge("connections", "Open connections.", func() float64 { return float64(s.connections()) }),
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("edge: metrics: %w", err)
		}
	}
	return m, nil
}

// introduction counts a connection closed for its PROXY protocol header.
func (m *metrics) introduction(why proxied.Reason) { m.proxy.WithLabelValues(string(why)).Inc() }

func (m *metrics) feed(b api.FeedBatch) {
	m.entries.Add(float64(len(b.Entries)))
	if b.Reset {
		m.resets.Inc()
	}
}

// answered counts how a cacheable request was answered.
func (m *metrics) answered(c cacheStatus) {
	result := c.fwd
	switch {
	case c.hit && c.detail == "":
		result = "hit"
	case c.hit:
		result = "stale"
	case c.collapsed:
		result = "collapsed"
	}
	m.byResult[result].Inc()
}

// status counts an answer of a status.
func (m *metrics) status(code int) {
	p := &m.byStatus[min(max(code, 0), len(m.byStatus)-1)]
	c := p.Load()
	if c == nil {
		made := m.requests.WithLabelValues(strconv.Itoa(code))
		p.Store(&made)
		c = &made
	}
	(*c).Inc()
}

// account counts every answer and logs a sample. Failures are all logged where they are told (refuse).
func (s *Server) account(ctx *fasthttp.RequestCtx, t timing) {
	status := ctx.Response.StatusCode()
	took := time.Since(t.start)
	s.metrics.status(status)
	s.metrics.latency.Observe(took.Seconds())
	if s.sampled() {
		s.tell(string(ctx.Method()), short(ctx.Path(), 512), status, len(ctx.Response.Body()), took, requestID(ctx),
			s.client(ctx), string(ctx.Response.Header.Peek("Cache-Status")))
	}
}

// sampled counts an answer and says whether it is one of those that are logged.
func (s *Server) sampled() bool { return s.answers.Add(1)%s.cfg.LogSample == 0 }

func (s *Server) tell(method, path string, status, bytes int, took time.Duration, requestID string, client netip.Addr, cache string) {
	s.log.Info("answered", "method", method, "path", path, "status", status, "bytes", bytes, "ms", float64(took.Microseconds())/1000,
		"request_id", requestID, "client", told(client), "cache", cache)
}
