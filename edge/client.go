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
	addr, _ := netip.AddrFromSlice(ctx.RemoteIP())
	addr = addr.Unmap()
	if !s.trusted(addr) {
		return addr
	}
	lines := ctx.Request.Header.PeekAll(string(s.cfg.ClientHeader))
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for list := lines[i]; len(list) > 0 && hops < maxHops; hops++ {
			var last []byte
			list, last = s.lastHop(list)
			a, ok := node(last)
			if !ok {
				return addr
			}
			if addr = a; !s.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

// lastHop cuts the last hop's node off a line of the header.
func (s *Server) lastHop(list []byte) (rest, last []byte) {
	if s.cfg.ClientHeader == Forwarded {
		rest, element := lastElement(list)
		return rest, forwardedFor(element)
	}
	i := bytes.LastIndexByte(list, ',')
	return list[:max(0, i)], bytes.TrimSpace(list[i+1:])
}

func (s *Server) trusted(a netip.Addr) bool {
	return within(s.cfg.TrustedProxies, a)
}

// told is an address as handlers and logs see it.
func told(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	return a.String()
}
