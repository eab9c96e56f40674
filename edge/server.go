package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
	"meridian/internal/proxied"
)

// Server is an edge: NewServer, Listen, Serve, Close.
type Server struct {
	cfg       Config
	log       *slog.Logger
	router    *router
	files     [][]byte // what the targets of files begin with
	jar       jarCodec
	cache     *cache
	epochs    *epochs
	gates     gates
	flights   *flights
	metrics   *metrics
	cacheName string
	guarded   bool // something comes before the shop: see before
	// local and public are what every answer carries; see commonHeaders. keyHead and keyHeadHTML begin the keys
	// of cached answers.
	local, public        *fasthttp.ResponseHeader
	keyHead, keyHeadHTML []byte
	http                 *fasthttp.Server
	ops                  *opsServer
	follower             *follower
	polisher             *polisher
	warmer               *warmer // nil: none

	// background is the context of handlers and fills: cancelled when Close has drained.
	background context.Context
	stop       context.CancelFunc

	newestMu sync.Mutex // guards newest
	newest   api.Index

	tuneMu sync.Mutex // held while tuned is replaced
	tuned  atomic.Pointer[tuned]

	memfiles  memfiles
	answers   atomic.Uint64 // for sampling the log
	today     atomic.Pointer[dated]
	draining  atomic.Bool
	ln        net.Listener
	secure    net.Listener // nil: TLS is spoken in front
	front     *front       // of ln; nil: the server has its connections
	serving   atomic.Int64 // listeners that are being served
	closeOnce sync.Once
	closeErr  error
}

// NewServer checks the configuration and makes a server. It opens nothing yet.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	r, err := newRouter(cfg.Routes)
	if err != nil {
		return nil, err
	}
	c, err := newCache(cfg.CacheBytes, cfg.MaxEntry, cfg.WarmFile != "")
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, router: r, cache: c,
		jar:       jarCodec{secret: cfg.Secret},
		epochs:    newEpochs(cfg.MaxEpochs),
		gates:     newGates(cfg.MaxServed, cfg.MaxFills),
		flights:   &flights{maxWaiting: cfg.MaxWaiting, all: map[string]*flight{}},
		memfiles:  memfiles{limit: cfg.CacheBytes / memfileShare},
		cacheName: "meridian-" + cfg.Region,
		guarded:   cfg.HTTPS.Challenge != nil || cfg.HTTPS.Redirect != "",
		keyHead:   appendKeyHead(nil, cfg.Locale, false), keyHeadHTML: appendKeyHead(nil, cfg.Locale, true),
	}
	for _, rt := range cfg.Routes {
		if prefix, _, named := strings.Cut(rt.Pattern, "{"); rt.Class == File && named {
			s.files = append(s.files, []byte(prefix))
		}
	}
	s.local, s.public = commonHeaders(cfg.Region)
	if s.metrics, err = newMetrics(cfg.Registry, s); err != nil {
		return nil, err
	}
	if err := s.Tune(cfg.tuning()); err != nil {
		return nil, err
	}
	s.polisher = newPolisher(s.log)
	s.background, s.stop = context.WithCancel(context.Background())
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		HeaderReceived:               s.headerReceived,
		ErrorHandler:                 s.unreadable,
		Logger:                       quiet{s.log},
		ReadBufferSize:               maxHeaders,
		ReadTimeout:                  cfg.ReadTimeout,
		WriteTimeout:                 cfg.WriteTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		MaxConnsPerIP:                cfg.MaxConnsPerIP,
		Concurrency:                  cfg.Concurrency,
		TCPKeepalive:                 true,
		MaxRequestBodySize:           1, // bodies are streamed: each route has its own limit
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
	if cfg.Feed != nil && !cfg.DisableFollower {
		s.follower = newFollower(s.epochs, cfg.Feed, s.metrics, s.log)
	}
	return s, nil
}

// Listen opens the listeners that were not inherited and starts to follow the feed.
func (s *Server) Listen() (err error) {
	var open []net.Listener
	listen := func(name, flag, addr string) net.Listener {
		if err != nil || addr == "" {
			return nil
		}
		ln, e := s.socket(name, addr)
		if e != nil {
			err = fmt.Errorf("edge: --%s %s: %w", flag, addr, e)
			return nil
		}
		open = append(open, ln)
		return ln
	}
	ln, secure, ops := listen(shopSocket, "addr", s.cfg.Addr), listen(httpsSocket, "https-addr", s.cfg.HTTPS.Addr), listen(opsSocket, "ops-addr", s.cfg.OpsAddr)
	if err != nil {
		for _, ln := range open {
			err = errors.Join(err, ln.Close())
		}
		return err
	}
	s.ln, s.secure = ln, secure
	if !s.guarded && !s.cfg.longWay && len(s.cfg.ProxyProtocol) == 0 {
		s.front = newFront(s.accepting(ln), s)
	}
	if ops != nil {
		s.ops = newOps(ops, s)
	}
	if err := s.leave(); err != nil {
		return err
	}
	s.polisher.start()
	if s.cfg.WarmFile != "" {
		s.warmer = newWarmer(s, s.cfg.WarmFile)
		s.warmer.start()
	}
	if s.cfg.Inherited != nil { // the rest comes with Succeed: until then it is the running process that answers
		if s.follower != nil {
			s.follower.watch()
		}
		return nil
	}
	if s.ops != nil {
		s.ops.start()
	}
	if s.follower != nil {
		s.follower.start()
	}
	return nil
}

// Addr is where the shop listens, after Listen.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// HTTPSAddr is where the shop listens with TLS, after Listen; empty without it.
func (s *Server) HTTPSAddr() string {
	if s.secure == nil {
		return ""
	}
	return s.secure.Addr().String()
}

// OpsAddr is where operations listen, after Listen; empty without one.
func (s *Server) OpsAddr() string {
	if s.ops == nil {
		return ""
	}
	return s.ops.ln.Addr().String()
}

// Serve answers requests until Close. It returns nil after Close, and when one of its listeners fails.
func (s *Server) Serve() error {
	listeners := []net.Listener{s.front}
	if s.front == nil {
		listeners[0] = s.accepting(s.ln)
	}
	if s.secure != nil {
		listeners = append(listeners, &secured{s.accepting(s.secure), s.cfg.HTTPS.TLS})
	}
	ended := make(chan error, len(listeners))
	s.serving.Store(int64(len(listeners)))
	for _, ln := range listeners {
		go func() {
			err := s.http.Serve(ln)
			s.serving.Add(-1)
			ended <- err
		}()
	}
	var failed error
	for range listeners {
		if err := <-ended; err != nil && !s.draining.Load() {
			failed = errors.Join(failed, fmt.Errorf("edge: serve: %w", err))
		}
		for _, ln := range listeners { // one alone is no shop; and closing waits for what a listener started
			_ = ln.Close()
		}
	}
	return failed
}

// accepting is a listener as it is served: it outlives shortages, and knows clients behind load balancers.
func (s *Server) accepting(ln net.Listener) net.Listener {
	ln = &patient{Listener: ln, log: s.log}
	if len(s.cfg.ProxyProtocol) > 0 {
		ln = proxied.Listen(ln, proxied.Config{From: s.cfg.ProxyProtocol, Timeout: s.cfg.ProxyTimeout, Refused: s.metrics.introduction})
	}
	return ln
}

// connections are the open ones. fasthttp counts each listener that is served as one, and takes one away.
func (s *Server) connections() int {
	n := int64(s.http.GetOpenConnectionsCount()) + 1 - s.serving.Load()
	if s.front != nil {
		n += s.front.waiting.Load()
	}
	return int(max(0, n))
}

// Close stops accepting, lets running requests end within the drain time, stops the follower and
// waits for everything it started.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.draining.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainTimeout)
		defer cancel()
		var errs []error
		if s.front != nil {
			s.front.end()
		}
		if s.ln != nil {
			if err := s.http.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, fmt.Errorf("edge: drain: %w", err))
			}
			// A server that was never served does not know its listeners.
			_ = s.ln.Close()
			if s.secure != nil {
				_ = s.secure.Close()
			}
		}
		if s.front != nil {
			errs = append(errs, s.front.wait(ctx.Done()))
		}
		s.stop()
		s.warmer.close()
		s.flights.wg.Wait()
		if s.follower != nil {
			s.follower.close()
		}
		if s.ops != nil {
			errs = append(errs, s.ops.close(ctx))
		}
		s.polisher.close()
		s.cache.close()
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// Ready reports why this edge should get no traffic, nil if it should.
func (s *Server) Ready() error {
	switch {
	case s.draining.Load():
		return errors.New("draining")
	case s.follower != nil && s.epochs.beatAge(time.Now()) > beatMax:
		return errors.New("no heartbeat of the change feed")
	case s.cfg.Cores != nil && s.cfg.Cores() == 0:
		return errors.New("no core answers")
	}
	return nil
}

// unreadable answers a request that fasthttp could not read, and its connection is closed.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	if s.unshaken(ctx, err) {
		return
	}
	t := timing{start: time.Now()}
	s.common(ctx)
	id := requestID(ctx)
	e := malformed("The request is not well-formed HTTP.")
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &small):
		e = tooManyHeaders()
	case isTimeout(err):
		e = tooSlow()
	}
	s.refuse(ctx, s.basic(ctx, id), e, t)
	s.account(ctx, t)
}

// quiet passes fasthttp's own messages on as warnings; they are about single connections.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, args ...any) { q.log.Debug(fmt.Sprintf(format, args...)) }
