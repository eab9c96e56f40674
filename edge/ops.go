package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opsServer is the listener for operations. It is never public: it tells and profiles everything.
type opsServer struct {
	ln   net.Listener
	http *http.Server
	log  *slog.Logger
	done chan struct{} // nil: not started
}

func newOps(ln net.Listener, s *Server) *opsServer {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return &opsServer{ln: ln, http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, log: s.log}
}

func (o *opsServer) start() {
	o.done = make(chan struct{})
	go func() {
		defer close(o.done)
		if err := o.http.Serve(o.ln); !errors.Is(err, http.ErrServerClosed) {
			o.log.Error("the operations listener stopped", "err", err)
		}
	}()
}

func (o *opsServer) close(ctx context.Context) error {
	if o.done == nil {
		return o.ln.Close()
	}
	err := o.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, o.http.Close())
	}
	<-o.done
	return err
}
