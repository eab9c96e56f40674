package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// trace is everything worth knowing about a run, in the order of simulated time.
type trace struct {
	mu         sync.Mutex
	start      time.Time
	lines      []string
	violations []string
}

func newTrace() *trace { return &trace{start: time.Now()} }

func (t *trace) add(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf("%12.3f  ", time.Since(t.start).Seconds())+fmt.Sprintf(format, args...))
}

// violated notes a broken promise.
func (t *trace) violated(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	t.add("VIOLATED: %s", s)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, s)
}

func (t *trace) broken() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.violations) > 0
}

func (t *trace) result() (lines, violations []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines, t.violations
}

// logger puts a node's own messages into the trace, from info upwards.
func (t *trace) logger(node string) *slog.Logger { return slog.New(&traceHandler{t: t, node: node}) }

type traceHandler struct {
	t     *trace
	node  string
	attrs string
}

func (h *traceHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h *traceHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true })
	h.t.add("%s: %s%s%s", h.node, r.Message, h.attrs, b.String())
	return nil
}

func (h *traceHandler) WithAttrs(as []slog.Attr) slog.Handler {
	c := *h
	for _, a := range as {
		if a.Key != "node" {
			c.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		}
	}
	return &c
}

func (h *traceHandler) WithGroup(string) slog.Handler { return h }
