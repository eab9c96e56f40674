package edge

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// Cache-Control of what we send. Browsers revalidate what a purge may change, since no purge reaches
// them; a 304 is cheap.
var (
	controlRevalidate = []byte("public, max-age=0, must-revalidate")
	controlImmutable  = []byte("public, max-age=31536000, immutable")
	controlPrivate    = []byte("private, no-store")
)

// Names as fasthttp normalizes them; it takes those without looking at each letter again.
var (
	nameAccept         = []byte("Accept")
	nameAcceptEncoding = []byte("Accept-Encoding")
	nameAge            = []byte("Age")
	nameCacheControl   = []byte("Cache-Control")
	nameCacheStatus    = []byte("Cache-Status")
	nameETag           = []byte("Etag")
	nameIfNoneMatch    = []byte("If-None-Match")
	nameRequestID      = []byte(api.HeaderRequestID)
	nameServerTiming   = []byte("Server-Timing")
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// timing is where the time of a request went.
type timing struct {
	start time.Time
	core  time.Duration
}

// commonHeaders are what every answer carries beside its request id: on this machine, and on a host that
// has TLS in front.
func commonHeaders(region string) (local, public *fasthttp.ResponseHeader) {
	local, public = &fasthttp.ResponseHeader{}, &fasthttp.ResponseHeader{}
	for _, h := range []*fasthttp.ResponseHeader{local, public} {
		h.SetNoDefaultContentType(true)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Region", region)
	}
	public.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	return local, public
}

// common sets what every answer carries.
func (s *Server) common(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if loopback(ctx.Host()) {
		s.local.CopyTo(h)
	} else {
		s.public.CopyTo(h)
	}
	setRequestID(ctx, nil)
}

// timed sets Server-Timing, last of all.
func timed(h *fasthttp.ResponseHeader, t timing) {
	h.SetCanonical(nameServerTiming, appendTiming(make([]byte, 0, 64), max(0, time.Since(t.start)-t.core), t.core))
}

// appendTiming writes Server-Timing, in milliseconds.
func appendTiming(b []byte, edge, core time.Duration) []byte {
	b = append(b, "edge;dur="...)
	b = appendMillis(b, edge)
	b = append(b, ", core;dur="...)
	return appendMillis(b, core)
}

func appendMillis(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	b = strconv.AppendInt(b, us/1000, 10)
	if us %= 1000; us != 0 {
		b = append(b, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
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
	h.SetCanonical(nameCacheStatus, s.appendCacheStatus(make([]byte, 0, 96), c))
}

func (s *Server) appendCacheStatus(b []byte, c cacheStatus) []byte {
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
	return b
}
