package edge

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
)

// HTTPS is a listener on which the server speaks TLS itself. The zero value is none.
type HTTPS struct {
	// Addr is where to listen, host:port; empty: nowhere.
	Addr string
	// TLS has the certificates. Required with Addr.
	TLS *tls.Config
	// Redirect is the authority of the shop's https address, such as shop.example. What is asked for in plain text
	// on a host that is not this machine is sent to that host's https address, with this one's port; and to this one
	// where the host is no name. Trusted proxies have spoken TLS themselves and are not sent anywhere. Empty: plain
	// text is answered.
	Redirect string
	// Challenge answers what a certificate authority asks below /.well-known/acme-challenge/. Nil: it is told that
	// there is nothing.
	Challenge func(host, path string) (answer []byte, ok bool)
}

// challengePath is where a certificate authority asks (RFC 8555, 8.3).
var challengePath = []byte("/.well-known/acme-challenge/")

// secured gives out connections that speak TLS.
type secured struct {
	net.Listener
	config *tls.Config
}

// Accept implements net.Listener. It waits for nobody's handshake.
func (l *secured) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &encrypted{tls.Server(c, l.config)}, nil
}

// encrypted shakes hands when it is first read: in its own goroutine, within the time that a first request has, and
// as a connection that Close may end because nothing was asked on it. It must not be a *tls.Conn, with which
// fasthttp shakes hands before it knows the connection.
type encrypted struct{ *tls.Conn }

// before answers what comes before the shop: a certificate authority, and plain text that should be none.
func (s *Server) before(ctx *fasthttp.RequestCtx, t timing) bool {
	h := &ctx.Request.Header
	target := h.RequestURI()
	question := ctx.IsGet() && bytes.HasPrefix(target, challengePath)
	if !question && !s.misplaced(ctx) || checkFraming(h) != nil {
		return false
	}
	if question {
		return s.challenged(ctx, target, t)
	}
	if _, err := parseTarget(target); err != nil || !plainMethod(string(ctx.Method())) {
		return false
	}
	s.common(ctx)
	ctx.SetStatusCode(308)
	answer := &ctx.Response.Header
	answer.Set("Location", "https://"+s.authority(string(ctx.Host()))+string(target))
	answer.SetCanonical(nameCacheControl, controlPrivate)
	s.cacheStatus(answer, cacheStatus{fwd: "bypass"})
	timed(answer, t)
	if size := h.ContentLength(); size == -1 || size > smallBody {
		s.hangUp(ctx)
	}
	return true
}

// misplaced reports whether a request came in plain text that should have come encrypted.
func (s *Server) misplaced(ctx *fasthttp.RequestCtx) bool {
	if s.cfg.HTTPS.Redirect == "" || ctx.IsTLS() || loopback(ctx.Host()) {
		return false
	}
	from, _ := netip.AddrFromSlice(ctx.RemoteIP())
	return !s.tuned.Load().trusted(from.Unmap())
}

// challenged answers a certificate authority; what it did not ask for is nowhere.
func (s *Server) challenged(ctx *fasthttp.RequestCtx, target []byte, t timing) bool {
	if s.cfg.HTTPS.Challenge == nil {
		return false
	}
	answer, ok := s.cfg.HTTPS.Challenge(string(ctx.Host()), string(target))
	if !ok {
		return false
	}
	s.common(ctx)
	h := &ctx.Response.Header
	h.SetContentType("text/plain")
	h.SetCanonical(nameCacheControl, controlPrivate)
	s.cacheStatus(h, cacheStatus{fwd: "bypass"})
	ctx.Response.SetBodyRaw(answer)
	timed(h, t)
	return true
}

// authority is where https is spoken for a host.
func (s *Server) authority(host string) string {
	to := s.cfg.HTTPS.Redirect
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(host); err == nil || !domain(host) {
		return to
	}
	if _, port, err := net.SplitHostPort(to); err == nil {
		return net.JoinHostPort(host, port)
	}
	return host
}

// domain reports whether s may be the name of a host, and has nothing in it that means something in an address.
func domain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '.' && s[i] != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 253
}

// Reasons for which a handshake fails, for metrics.
const (
	handshakeLate   = "late"   // not done in time
	handshakePlain  = "plain"  // the client speaks HTTP without TLS
	handshakeFailed = "failed" // no version, suite or certificate that both take, or the client went away
)

// plainAnswer tells a client that speaks plain HTTP to the TLS listener.
const plainAnswer = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\r\nThis address speaks HTTPS. Ask with https://"

// unshaken reports whether err ended a handshake, and counts it: there is nobody to answer.
func (s *Server) unshaken(ctx *fasthttp.RequestCtx, err error) bool {
	state := ctx.TLSConnectionState()
	if state == nil || state.HandshakeComplete {
		return false
	}
	why := handshakeFailed
	var garbled tls.RecordHeaderError
	switch {
	case isTimeout(err):
		why = handshakeLate
	case errors.As(err, &garbled) && garbled.Conn != nil && speaksHTTP(garbled.RecordHeader[:]):
		why = handshakePlain
		_ = garbled.Conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(garbled.Conn, plainAnswer)
	}
	s.metrics.handshakes.WithLabelValues(why).Inc()
	return true
}

// speaksHTTP reports whether a request of HTTP begins so.
func speaksHTTP(first []byte) bool {
	for _, m := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"} {
		if string(first) == m {
			return true
		}
	}
	return false
}
