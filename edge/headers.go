package edge

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// Cache-Control of what we send. Browsers revalidate what a purge may change, since no purge reaches
// them; a 304 is cheap.
const (
	controlRevalidate = "public, max-age=0, must-revalidate"
	controlImmutable  = "public, max-age=31536000, immutable"
	controlPrivate    = "private, no-store"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// timing is where the time of a request went.
type timing struct {
	start time.Time
	core  time.Duration
}

// common sets what every answer carries.
func (s *Server) common(ctx *fasthttp.RequestCtx, id string) {
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if !loopback(ctx.Host()) {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	h.Set(api.HeaderRequestID, id)
	h.Set("X-Region", s.cfg.Region)
}

// timed sets Server-Timing, in milliseconds, last of all.
func timed(h *fasthttp.ResponseHeader, t timing) {
	b := make([]byte, 0, 48)
	b = append(b, "edge;dur="...)
	b = appendMillis(b, max(0, time.Since(t.start)-t.core))
	b = append(b, ", core;dur="...)
	b = appendMillis(b, t.core)
	h.SetBytesV("Server-Timing", b)
}

func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', -1, 64)
}

// cacheStatus is what RFC 9211 wants to know about an answer.
type cacheStatus struct {
	hit       bool
	fwd       string // miss, stale, bypass, method; with hit unset
	fwdStatus int
	ttl       time.Duration
	hasTTL    bool
	stored    bool
	collapsed bool
	detail    string // a token
}

func (s *Server) cacheStatus(h *fasthttp.ResponseHeader, c cacheStatus) {
	b := make([]byte, 0, 96)
	b = append(b, s.cacheName...)
	if c.hit {
		b = append(b, "; hit"...)
	} else {
		b = append(b, "; fwd="...)
		b = append(b, c.fwd...)
	}
	if c.fwdStatus != 0 {
		b = append(b, "; fwd-status="...)
		b = strconv.AppendInt(b, int64(c.fwdStatus), 10)
	}
	if c.hasTTL {
		b = append(b, "; ttl="...)
		b = strconv.AppendInt(b, int64(c.ttl/time.Second), 10)
	}
	if c.stored {
		b = append(b, "; stored"...)
	}
	if c.collapsed {
		b = append(b, "; collapsed"...)
	}
	if c.detail != "" {
		b = append(b, "; detail="...)
		b = append(b, c.detail...)
	}
	h.SetBytesV("Cache-Status", b)
}
