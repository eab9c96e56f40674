// Package sandbox is a payment provider for demos and tests: its charges are real to the shop, its
// money is not. It keeps its own fsynced ledger, so that a shop which lost power can ask it what
// became of a payment.
//
// It promises that an answered change is on disk, that every operation may be repeated with its key,
// and that a voided key is never authorised later, not even by a request that was still on its way.
// It refuses cards: only the tokens listed in charge.go mean something. Read Server and Charge first.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Config of a Server.
type Config struct {
	// Dir holds the ledger. Required.
	Dir string
	// Slow is how long tok_slow takes. Default 2 s.
	Slow time.Duration
	// Now is the clock of created_at. Default time.Now.
	Now func() time.Time
	// Logger default slog.Default().
	Logger *slog.Logger
}

// Server answers the provider's HTTP interface.
type Server struct {
	cfg    Config
	book   *book
	ledger *Ledger
	http   *http.Server

	closing   chan struct{} // ends waits that exist only to keep a client waiting
	closeOnce sync.Once
}

const (
	maxBody      = 16 << 10
	maxPage      = 1000
	defaultPage  = 100
	hangAtMost   = 2 * time.Minute
	closeTimeout = 5 * time.Second
)

// New opens the ledger and replays it.
func New(cfg Config) (*Server, error) {
	if cfg.Dir == "" {
		return nil, errors.New("sandbox: no directory given")
	}
	if cfg.Slow == 0 {
		cfg.Slow = 2 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	b := newBook(cfg.Now)
	ledger, cut, err := OpenLedger(filepath.Join(cfg.Dir, "charges.ledger"), b.replay)
	if err != nil {
		return nil, err
	}
	b.ledger = ledger
	if cut > 0 {
		cfg.Logger.Warn("cut a torn tail off the ledger; nothing in it was ever acknowledged", "bytes", cut)
	}
	cfg.Logger.Info("ledger replayed", "charges", len(b.all))
	s := &Server{cfg: cfg, book: b, ledger: ledger, closing: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Failed is closed when the ledger cannot be written; the process has to stop.
func (s *Server) Failed() <-chan struct{} { return s.ledger.Failed() }

// Serve answers on ln until Close.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops answering, waits for what runs, and closes the ledger.
func (s *Server) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(err, s.http.Close())
		}
		err = errors.Join(err, s.ledger.Close())
	})
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charges", s.authorise)
	mux.HandleFunc("GET /charges", s.list)
	mux.HandleFunc("GET /charges/{key}", func(w http.ResponseWriter, r *http.Request) {
		c, err := s.book.lookup(r.PathValue("key"))
		s.answer(w, r, c, err)
	})
	mux.HandleFunc("POST /charges/{key}/capture", s.onKey(s.book.capture))
	mux.HandleFunc("POST /charges/{key}/void", s.onKey(s.book.void))
	mux.HandleFunc("POST /charges/{key}/refund", s.refund)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("GET /{$}", s.page)
	return mux
}

func (s *Server) authorise(w http.ResponseWriter, r *http.Request) {
	var a Authorisation
	if !decodeBody(w, r, &a) {
		return
	}
	if err := a.validate(); err != nil {
		problem(w, http.StatusUnprocessableEntity, "invalid", err.Error(), nil)
		return
	}
	switch card(a.Token) {
	case TokenError:
		// A key that is known already is answered truly, whatever the token asks for.
		if c, err := s.book.lookup(a.Key); err != nil {
			problem(w, http.StatusInternalServerError, "internal", "tok_error always fails; nothing was charged", nil)
			return
		} else if c.State != StateVoided {
			s.answer(w, r, c, ErrKeyReused)
			return
		}
	case TokenSlow:
		if !s.pause(s.cfg.Slow, nil) {
			problem(w, http.StatusServiceUnavailable, "unavailable", "the provider is stopping; ask again", nil)
			return
		}
	}
	c, fresh, err := s.book.authorise(a)
	if err == nil && fresh && card(a.Token) == TokenUnknown {
		s.hang(r)
	}
	s.answer(w, r, c, err)
}

// hang keeps the client waiting until it gives up: the charge is on disk, the answer never comes.
func (s *Server) hang(r *http.Request) {
	_ = s.ledger.Wait(r.Context(), s.ledger.Last())
	s.pause(hangAtMost, r.Context().Done())
	panic(http.ErrAbortHandler)
}

// pause reports whether the whole time has passed.
func (s *Server) pause(d time.Duration, gone <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-gone:
	case <-s.closing:
	}
	return false
}

func (s *Server) onKey(do func(string) (Charge, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		if err := validKey("key", key); err != nil {
			problem(w, http.StatusUnprocessableEntity, "invalid", err.Error(), nil)
			return
		}
		c, err := do(key)
		s.answer(w, r, c, err)
	}
}

func (s *Server) refund(w http.ResponseWriter, r *http.Request) {
	var body struct {
		RefundKey string `json:"refund_key"`
		Amount    int64  `json:"amount"`
	}
	if !decodeBody(w, r, &body) {
		return
	}
	if err := validKey("refund_key", body.RefundKey); err != nil {
		problem(w, http.StatusUnprocessableEntity, "invalid", err.Error(), nil)
		return
	}
	if body.Amount < 1 || body.Amount > maxAmount {
		problem(w, http.StatusUnprocessableEntity, "invalid", fmt.Sprintf("amount: give minor units, 1 to %d", int64(maxAmount)), nil)
		return
	}
	c, err := s.book.refund(r.PathValue("key"), body.RefundKey, body.Amount)
	s.answer(w, r, c, err)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := defaultPage
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxPage {
			problem(w, http.StatusUnprocessableEntity, "invalid", fmt.Sprintf("limit: give 1 to %d", maxPage), nil)
			return
		}
		limit = n
	}
	var since time.Time
	if v := q.Get("changed_since"); v != "" {
		var err error
		if since, err = time.Parse(time.RFC3339Nano, v); err != nil {
			problem(w, http.StatusUnprocessableEntity, "invalid", "changed_since: give a time as in RFC 3339", nil)
			return
		}
	}
	items, more := s.book.list(q.Get("order"), q.Get("after"), since, limit)
	var next *string
	if more {
		next = &items[len(items)-1].ID
	}
	if !s.settled(w, r) {
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next": next})
}

// settled waits until everything the answer may show is on disk: what was read may be a change
// that another request has just made.
func (s *Server) settled(w http.ResponseWriter, r *http.Request) bool {
	if err := s.ledger.Wait(r.Context(), s.ledger.Last()); err != nil {
		s.cfg.Logger.Error("not answered", "path", r.URL.Path, "err", err)
		problem(w, http.StatusServiceUnavailable, "unavailable", "the ledger cannot be written; ask again later", nil)
		return false
	}
	return true
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, c Charge, err error) {
	if !s.settled(w, r) {
		return
	}
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, c)
	case errors.Is(err, ErrNotFound):
		problem(w, http.StatusNotFound, "not_found", err.Error(), nil)
	case errors.Is(err, ErrKeyReused):
		problem(w, http.StatusConflict, "key_reused", err.Error(), &c)
	case errors.Is(err, ErrTooMuch):
		problem(w, http.StatusConflict, "too_much", err.Error(), &c)
	case errors.Is(err, ErrState):
		problem(w, http.StatusConflict, "state", err.Error(), &c)
	default:
		problem(w, http.StatusServiceUnavailable, "unavailable", err.Error(), nil)
	}
}

func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	states := s.book.states()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprint(w, "# HELP sandbox_charges Charges by state.\n# TYPE sandbox_charges gauge\n")
	for _, state := range []string{StateAuthorized, StateCaptured, StateVoided, StateDeclined, StateRefunded} {
		fmt.Fprintf(w, "sandbox_charges{state=%q} %d\n", state, states[state])
	}
}

func decodeBody(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && !d.More():
		return true
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a body has at most %d bytes", maxBody), nil)
	default:
		problem(w, http.StatusBadRequest, "malformed", "the body is not the JSON object this path takes", nil)
	}
	return false
}

func problem(w http.ResponseWriter, status int, code, detail string, c *Charge) {
	body := map[string]any{"code": code, "status": status, "detail": detail}
	if c != nil {
		body["charge"] = c
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is sent; a client that went away cannot be told anything more.
	_ = json.NewEncoder(w).Encode(v)
}
