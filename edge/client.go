package edge

import (
	"bytes"
	"net/netip"

	"github.com/valyala/fasthttp"
)

// ClientHeader is the header in which trusted proxies name their clients. Only that one is read: a proxy that
// writes one of them passes the other on as the client sent it.
type ClientHeader string

// The headers that are understood.
const (
	ForwardedFor ClientHeader = "X-Forwarded-For"
	Forwarded    ClientHeader = "Forwarded" // RFC 7239
)

// maxHops bounds the trusted proxies that a request came through.
const maxHops = 32

// client is the address a request came from: the connection's, unless that is a trusted proxy's. A proxy adds
// the address it was called from at the end of the list, so the list is walked from its end, and only as long as
// the address found is another trusted proxy's. What a client wrote itself stands before its own address and is
// never reached. Where a trusted proxy does not tell, it is the client itself.
func (s *Server) client(ctx *fasthttp.RequestCtx) netip.Addr {
	from, _ := netip.AddrFromSlice(ctx.RemoteIP())
	return s.tuned.Load().client(&ctx.Request.Header, from.Unmap())
}

func (t *Tuning) client(h *fasthttp.RequestHeader, addr netip.Addr) netip.Addr {
	if !t.trusted(addr) {
		return addr
	}
	lines := h.PeekAll(string(t.ClientHeader))
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for list := lines[i]; len(list) > 0 && hops < maxHops; hops++ {
			var last []byte
			list, last = t.lastHop(list)
			a, ok := node(last)
			if !ok {
				return addr
			}
			if addr = a; !t.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

// lastHop cuts the last hop's node off a line of the header.
func (t *Tuning) lastHop(list []byte) (rest, last []byte) {
	if t.ClientHeader == Forwarded {
		rest, element := lastElement(list)
		return rest, forwardedFor(element)
	}
	i := bytes.LastIndexByte(list, ',')
	return list[:max(0, i)], bytes.TrimSpace(list[i+1:])
}

func (t *Tuning) trusted(a netip.Addr) bool {
	return within(t.TrustedProxies, a)
}

// told is an address as handlers and logs see it.
func told(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	return a.String()
}
