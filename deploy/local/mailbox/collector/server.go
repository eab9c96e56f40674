package collector

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/emersion/go-smtp"
)

// Config of a Server.
type Config struct {
	// Dir holds the mails. Required.
	Dir string
	// Keep is how many mails are kept. Default 500.
	Keep int
	// Logger default slog.Default().
	Logger *slog.Logger
}

// Server takes mails over SMTP and shows them over HTTP.
type Server struct {
	cfg  Config
	box  *box
	smtp *smtp.Server
	http *http.Server
}

// New opens the directory and reads the mails in it.
func New(cfg Config) (*Server, error) {
	if cfg.Dir == "" {
		return nil, errors.New("mailbox: no directory given")
	}
	if cfg.Keep <= 0 {
		cfg.Keep = 500
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	b, err := openBox(cfg.Dir, cfg.Keep)
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, box: b}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }))
	s.smtp.Domain = "mailbox.localhost"
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = 30*time.Second, 30*time.Second
	s.smtp.MaxMessageBytes, s.smtp.MaxRecipients = maxMessageBytes, 50
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	return s, nil
}

// Serve answers on both listeners until Close, or until one of them fails.
func (s *Server) Serve(mail, page net.Listener) error {
	failed := make(chan error, 2)
	go func() { failed <- s.smtp.Serve(mail) }()
	go func() { failed <- s.http.Serve(page) }()
	err := <-failed
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops both servers and waits for what runs.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(s.smtp.Shutdown(ctx), s.http.Shutdown(ctx))
}

// session is one SMTP conversation.
type session struct{ s *Server }

func (*session) Reset()                               {}
func (*session) Logout() error                        { return nil }
func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (*session) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data stores the mail before it is accepted.
func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := c.s.box.add(raw); err != nil {
		c.s.cfg.Logger.Error("mail not stored", "err", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not stored, try again later"}
	}
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.HandleFunc("GET /messages/{id}", s.show)
	mux.HandleFunc("GET /messages/{id}/html", s.html)
	mux.HandleFunc("GET /api/messages", s.api)
	ok := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, "# HELP mailbox_messages Mails kept.\n# TYPE mailbox_messages gauge\nmailbox_messages "+strconv.Itoa(len(s.box.list("", s.cfg.Keep)))+"\n")
	})
	return mux
}

// api answers {"items": […]}, newest first; ?to= narrows to an address.
func (s *Server) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"items": s.box.list(r.URL.Query().Get("to"), s.cfg.Keep)})
}
