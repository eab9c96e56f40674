// Package mail sends the shop's mails through an SMTP server; it implements core.Mailer.
//
// It promises one attempt per Send within a bound of time, a Message-ID that is the same for every
// repeat, and TLS: a mail with a name and an address in it never crosses a network in the clear. Only
// a server on a loopback address is spoken to without TLS. It refuses to queue: the outbox repeats.
// Read Sender and ErrPermanent first.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"meridian/core"
)

// ErrPermanent says that repeating this mail will not help: an address that cannot be one, or a
// server that refused it for good.
var ErrPermanent = errors.New("the mail cannot be delivered")

// Config of a Sender.
type Config struct {
	// Addr of the SMTP server, host:port. Required.
	Addr string
	// From is the sender, "shop@example.com" or "Shop <shop@example.com>". Required.
	From string
	// Username and Password sign in, if given; never without TLS.
	Username, Password string
	// Timeout bounds a Send. Default 10 s.
	Timeout time.Duration
	// MaxParallel bounds the connections to the server. Default 4.
	MaxParallel int
	// Logger default slog.Default().
	Logger *slog.Logger
}

// Sender sends mails. It is safe for concurrent use.
type Sender struct {
	cfg    Config
	from   *netmail.Address
	client *gomail.Client
	slots  chan struct{}
}

var _ core.Mailer = (*Sender)(nil)

// maxMailBytes bounds text and HTML together.
const maxMailBytes = 1 << 20

// New checks the configuration; it does not call the server.
func New(cfg Config) (*Sender, error) {
	host, portText, err := net.SplitHostPort(cfg.Addr)
	port, portErr := strconv.Atoi(portText)
	if err != nil || portErr != nil || host == "" || port < 1 || port > 65535 {
		return nil, fmt.Errorf("mail: %q is no SMTP server; give host:port, such as smtp.example.com:587", cfg.Addr)
	}
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("mail: sender %q is no address; give one such as shop@example.com", cfg.From)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.MaxParallel == 0 {
		cfg.MaxParallel = 4
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	policy := tlsPolicy(host)
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(cfg.Timeout), gomail.WithTLSPolicy(policy), gomail.WithoutNoop(),
	}
	if cfg.Username != "" {
		if policy != gomail.TLSMandatory {
			return nil, errors.New("mail: a user name is given for a server on loopback, which is spoken to without TLS; leave it out")
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(cfg.Username), gomail.WithPassword(cfg.Password))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &Sender{cfg: cfg, from: from, client: client, slots: make(chan struct{}, cfg.MaxParallel)}, nil
}

// tlsPolicy is off for loopback only: nobody else can listen there, and a local collector has no certificate.
func tlsPolicy(host string) gomail.TLSPolicy {
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return gomail.NoTLS
	}
	return gomail.TLSMandatory
}

// Send implements core.Mailer. An error that is not ErrPermanent may be repeated.
func (s *Sender) Send(ctx context.Context, m core.Mail) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fmt.Errorf("mail: waiting for a connection: %w", ctx.Err())
	}
	err = s.client.DialAndSendWithContext(ctx, msg)
	var sendErr *gomail.SendError
	if errors.As(err, &sendErr) && !sendErr.IsTemp() && sendErr.ErrorCode() >= 500 {
		return fmt.Errorf("mail: %w: %w", ErrPermanent, err)
	}
	if err != nil {
		return fmt.Errorf("mail: send: %w", err)
	}
	return nil
}

func (s *Sender) compose(m core.Mail) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(m.To)
	if err != nil {
		// The address is personal; it stays out of the error and so out of the log.
		return nil, fmt.Errorf("mail: %w: the recipient is no address", ErrPermanent)
	}
	if m.ID == "" || strings.ContainsAny(m.ID, "<> \t\r\n") {
		return nil, fmt.Errorf("mail: %w: id %q cannot be a Message-ID", ErrPermanent, m.ID)
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		return nil, fmt.Errorf("mail: %w: a subject of several lines", ErrPermanent)
	}
	if n := len(m.Text) + len(m.HTML); n > maxMailBytes {
		return nil, fmt.Errorf("mail: %w: %d bytes, the most is %d", ErrPermanent, n, maxMailBytes)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.SetAddrHeaderFromMailAddress(gomail.HeaderTo, to)
	id := m.ID
	if !strings.Contains(id, "@") {
		_, domain, _ := strings.Cut(s.from.Address, "@")
		id += "@" + domain
	}
	msg.SetMessageIDWithValue(id)
	msg.SetDate()
	msg.Subject(m.Subject)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}
