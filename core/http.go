package core

import (
	"bytes"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// The bounds of the core's listener. An import is the largest body: 64 MiB of CSV, in base64.
const (
	maxBody       = 96 << 20
	maxFrameCalls = 256
	maxWait       = 60 * time.Second
	defaultWait   = 10 * time.Second
)

// Server answers edges over HTTP/1.1: POST /v1/{endpoint}, and /v1/frame for many calls at once.
type Server struct {
	service *Service
	token   []byte
	log     *slog.Logger
	http    *fasthttp.Server
	ln      net.Listener
	tls     *tls.Config
	who     func(*tls.ConnectionState) (Peer, bool)
	done    chan struct{}
	serving error

	admission admission
}

// NewServer makes a server. Callers must send the cluster token as a bearer.
func NewServer(s *Service, token string, log *slog.Logger) *Server {
	srv := &Server{service: s, token: []byte("Bearer " + token), log: log, done: make(chan struct{}), admission: newAdmission()}
	srv.http = &fasthttp.Server{
		Handler: srv.handle, Name: "meridian-core", MaxRequestBodySize: maxBody, ReadTimeout: 2 * time.Minute, WriteTimeout: 2 * time.Minute,
		IdleTimeout: 5 * time.Minute, NoDefaultServerHeader: true, NoDefaultDate: true, NoDefaultContentType: true, CloseOnShutdown: true,
		Concurrency: 100_000, Logger: quiet{log},
	}
	return srv
}

type quiet struct{ log *slog.Logger }

// Printf implements fasthttp.Logger: its complaints about clients are not news.
func (q quiet) Printf(format string, args ...any) { q.log.Debug(fmt.Sprintf(format, args...)) }

// Secure makes the listener speak TLS; who reads a caller's certificate, which conf has verified. Call it
// before Listen.
func (srv *Server) Secure(conf *tls.Config, who func(*tls.ConnectionState) (Peer, bool)) {
	srv.tls, srv.who = conf, who
}

// Listen binds the address.
func (srv *Server) Listen(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--api-addr %s: %w; give an address that is free", addr, err)
	}
	if srv.tls != nil {
		ln = tls.NewListener(ln, srv.tls)
	}
	srv.ln = ln
	return nil
}

// Addr is where the server listens.
func (srv *Server) Addr() string { return srv.ln.Addr().String() }

// Serve answers until Close.
func (srv *Server) Serve() error {
	defer close(srv.done)
	srv.serving = srv.http.Serve(srv.ln)
	return srv.serving
}

// Close stops taking requests and waits, for at most five seconds, for those under way.
func (srv *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := srv.http.ShutdownWithContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (srv *Server) handle(ctx *fasthttp.RequestCtx) {
	defer func() {
		if p := recover(); p != nil {
			srv.log.Error("panic while answering", "path", string(ctx.Path()), "panic", fmt.Sprint(p))
			srv.problem(ctx, api.Internal(fmt.Errorf("panic: %v", p)), reply{})
		}
	}()
	name, ok := bytes.CutPrefix(ctx.RequestURI(), []byte("/v1/")) // no endpoint has a name that a URI would write in another way
	switch {
	case subtle.ConstantTimeCompare(ctx.Request.Header.Peek("Authorization"), srv.token) != 1:
		// Apart from the 401 of a person's credential, so that an edge does not pass it on to somebody who did nothing wrong.
		ctx.Response.Header.Set(api.HeaderClusterToken, "refused")
		srv.problem(ctx, api.NewError(api.CodeUnauthorized, "The core is called by edges and by other cores, with the cluster's token: --cluster-token-file of the caller holds another one."), reply{})
	case !ok:
		srv.problem(ctx, api.NewError(api.CodeNotFound, "There is nothing here."), reply{})
	case !ctx.IsPost():
		srv.problem(ctx, api.NewError(api.CodeMethodNotAllowed, "Use POST."), reply{})
	case string(name) == "frame", string(name) == api.ReadFrame:
		g, answer := srv.admission.frames, srv.frame
		if string(name) == api.ReadFrame {
			g, answer = srv.admission.quick, srv.reads
		}
		n := min(api.FrameCalls(ctx.PostBody()), maxFrameCalls)
		if !g.EnterN(n) {
			srv.problem(ctx, tooMany(), reply{})
			return
		}
		defer g.LeaveN(n)
		answer(ctx)
	default:
		name := string(name)
		if g := srv.admission.of(name); g != nil {
			if !g.Enter() {
				srv.problem(ctx, tooMany(), reply{})
				return
			}
			defer g.Leave()
		}
		srv.one(ctx, name)
	}
}

func waitOf(header []byte) time.Duration {
	ms, err := strconv.ParseInt(string(header), 10, 64)
	if err != nil || ms <= 0 {
		return defaultWait
	}
	return min(time.Duration(ms)*time.Millisecond, maxWait)
}

func (srv *Server) one(ctx *fasthttp.RequestCtx, name string) {
	h := &ctx.Request.Header
	min, err := api.ParseIndex(string(h.Peek(api.HeaderMin)))
	if err != nil {
		srv.problem(ctx, api.Invalid(api.HeaderMin, "%v", err), reply{})
		return
	}
	c := api.Call{Key: string(h.Peek(api.HeaderKey)), Credential: string(h.Peek(api.HeaderCredential)), Min: min, RequestID: string(h.Peek(api.HeaderRequestID))}
	wait, cancel := context.WithTimeout(context.Background(), waitOf(h.Peek(api.HeaderDeadline)))
	defer cancel()
	if name == api.ClusterEnlist.Name && srv.who != nil {
		if p, ok := srv.who(ctx.TLSConnectionState()); ok {
			wait = WithPeer(wait, p)
		}
	}
	r, err := srv.service.Serve(wait, name, c, ctx.PostBody())
	if err != nil {
		srv.problem(ctx, srv.explain(err, name, c.RequestID), r)
		return
	}
	raw, err := r.json()
	if err != nil {
		srv.problem(ctx, srv.explain(err, name, c.RequestID), r)
		return
	}
	srv.send(ctx, r.status, contentTypeOf(r), raw, r)
}

func contentTypeOf(r reply) string {
	if r.status >= 400 && r.raw != nil {
		return "application/problem+json"
	}
	return "application/json"
}

func (r reply) json() ([]byte, error) {
	if r.raw != nil {
		return r.raw, nil
	}
	return jsonOf(r.value)
}

// explain makes an error a problem, and logs what is not the caller's doing.
func (srv *Server) explain(err error, name, id string) *api.Error {
	// What is an answer already says more than the time-out that it may come from.
	if answer := (*api.Error)(nil); !errors.As(err, &answer) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		err = outcomeUnknown()
	}
	e := *api.AsError(err)
	e.RequestID = id
	if e.Status == 500 {
		srv.log.Error("request failed", "endpoint", name, "request_id", id, "error", err)
	}
	return &e
}

func (srv *Server) problem(ctx *fasthttp.RequestCtx, e *api.Error, r reply) {
	raw, err := json.Marshal(e)
	if err != nil {
		raw = []byte(`{"code":"internal","status":500}`)
	}
	if e.RetryAfter > 0 {
		ctx.Response.Header.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	srv.send(ctx, e.Status, "application/problem+json", raw, r)
}

func (srv *Server) send(ctx *fasthttp.RequestCtx, status int, contentType string, body []byte, r reply) {
	h := &ctx.Response.Header
	h.SetContentType(contentType)
	if !r.index.IsZero() {
		h.Set(api.HeaderIndex, r.index.String())
	}
	if r.replay {
		h.Set(api.HeaderReplay, "true")
	}
	if status == 421 {
		h.Set(api.HeaderLeader, srv.service.log.Leader())
	}
	ctx.SetStatusCode(status)
	ctx.Response.SetBodyRaw(body)
}
