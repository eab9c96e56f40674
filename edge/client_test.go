package edge

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// seen is the client that a server makes out of a request.
func seen(s *Server, from string, header ...string) string {
	var req fasthttp.Request
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	ctx := &requestCtx{}
	ctx.Init(&req, &net.TCPAddr{IP: net.ParseIP(from), Port: 1}, nil)
	return told(s.client(ctx))
}

func behind(header ClientHeader, proxies ...string) *Server {
	s, t := &Server{}, &tuned{Tuning: Tuning{ClientHeader: header}}
	s.tuned.Store(t)
	for _, p := range proxies {
		t.TrustedProxies = append(t.TrustedProxies, netip.MustParsePrefix(p))
	}
	return s
}

// Nobody but a trusted proxy names a client, and no client names itself.
func TestTheClientIsWhoTheTrustedProxiesSay(t *testing.T) {
	const proxy, proxy6 = "10.0.0.1", "fd00::1"
	for _, c := range []struct {
		what, from string
		header     ClientHeader
		lines      []string
		want       string
	}{
		{"a client says so itself", "203.0.113.9", ForwardedFor, []string{"1.2.3.4"}, "203.0.113.9"},
		{"a client says so itself", "203.0.113.9", Forwarded, []string{"for=1.2.3.4"}, "203.0.113.9"},
		{"a client pretends to be a proxy's proxy", "203.0.113.9", Forwarded, []string{"for=1.2.3.4, for=10.0.0.2"}, "203.0.113.9"},
		{"a proxy", proxy, ForwardedFor, []string{"1.2.3.4"}, "1.2.3.4"},
		{"a proxy adds to what the client wrote", proxy, ForwardedFor, []string{"9.9.9.9, 1.2.3.4"}, "1.2.3.4"},
		{"a proxy adds a line to what the client wrote", proxy, ForwardedFor, []string{"9.9.9.9", "1.2.3.4"}, "1.2.3.4"},
		{"a client writes the addresses of proxies", proxy, ForwardedFor, []string{"9.9.9.9, 10.0.0.5, 1.2.3.4, 10.0.0.2"}, "1.2.3.4"},
		{"two proxies", proxy, ForwardedFor, []string{"9.9.9.9, 1.2.3.4, 10.0.0.2"}, "1.2.3.4"},
		{"proxies only", proxy, ForwardedFor, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a port", proxy, ForwardedFor, []string{"1.2.3.4:555"}, "1.2.3.4"},
		{"v6 with a port", proxy, ForwardedFor, []string{"[2001:db8::7]:555"}, "2001:db8::7"},
		{"v6", proxy6, ForwardedFor, []string{"2001:db8::7"}, "2001:db8::7"},
		{"v4 in v6", "::ffff:10.0.0.1", ForwardedFor, []string{"::ffff:1.2.3.4"}, "1.2.3.4"},
		{"junk", proxy, ForwardedFor, []string{"1.2.3.4, junk"}, proxy},
		{"nothing", proxy, ForwardedFor, nil, proxy},
		{"an empty header", proxy, ForwardedFor, []string{""}, proxy},
		{"a zone", proxy, ForwardedFor, []string{"fe80::1%eth0"}, proxy},
		{"a proxy", proxy, Forwarded, []string{"for=1.2.3.4"}, "1.2.3.4"},
		{"all pairs", proxy, Forwarded, []string{`For="1.2.3.4:4711";proto=https;By=10.0.0.1;host="shop.example"`}, "1.2.3.4"},
		{"v6", proxy, Forwarded, []string{`for="[2001:db8::7]"`}, "2001:db8::7"},
		{"v6 with a port", proxy, Forwarded, []string{`for="[2001:DB8::7]:4711"`}, "2001:db8::7"},
		{"a hidden port", proxy, Forwarded, []string{`for="1.2.3.4:_http"`}, "1.2.3.4"},
		{"two proxies", proxy, Forwarded, []string{"for=9.9.9.9, for=1.2.3.4;proto=http , for=10.0.0.2"}, "1.2.3.4"},
		{"two lines", proxy, Forwarded, []string{"for=9.9.9.9", "for=1.2.3.4", "for=10.0.0.2"}, "1.2.3.4"},
		{"unknown", proxy, Forwarded, []string{"for=9.9.9.9, for=unknown"}, proxy},
		{"hidden", proxy, Forwarded, []string{"for=9.9.9.9, for=_hidden"}, proxy},
		{"hidden behind a second proxy", proxy, Forwarded, []string{`for=9.9.9.9, for="_gazonk", for=10.0.0.2`}, "10.0.0.2"},
		{"a proxy that does not say", proxy, Forwarded, []string{"for=9.9.9.9, proto=https"}, proxy},
		{"said twice", proxy, Forwarded, []string{"for=9.9.9.9;for=1.2.3.4"}, proxy},
		{"a comma in a quoted string", proxy, Forwarded, []string{`for=1.2.3.4;host="a, for=9.9.9.9"`}, "1.2.3.4"},
		{"a client leaves a quote open", proxy, Forwarded, []string{`for=9.9.9.9;host="a, for=1.2.3.4`}, "1.2.3.4"},
		{"a client leaves a quote open, escaped", proxy, Forwarded, []string{`for="\, for=1.2.3.4`}, "1.2.3.4"},
		{"a client leaves a quote open on a line of its own", proxy, Forwarded, []string{`for="9.9.9.9`, `for="1.2.3.4:80"`}, "1.2.3.4"},
		{"brackets without an address", proxy, Forwarded, []string{`for="[1.2.3.4]"`}, proxy},
		{"half an address", proxy, Forwarded, []string{`for="[2001:db8::7"`}, proxy},
		{"no port", proxy, Forwarded, []string{`for="1.2.3.4:"`}, proxy},
		{"a long port", proxy, Forwarded, []string{`for="1.2.3.4:123456"`}, proxy},
		{"spaces", proxy, Forwarded, []string{"for = 1.2.3.4"}, proxy},
		{"a very long node", proxy, Forwarded, []string{`for="1.2.3.4:_` + strings.Repeat("a", 4000) + `"`}, proxy},
		{"more proxies than there are", proxy, ForwardedFor, []string{"1.2.3.4" + strings.Repeat(", 10.0.0.2", maxHops+1)}, "10.0.0.2"},
	} {
		args := []string{}
		for _, l := range c.lines {
			args = append(args, string(c.header), l)
		}
		// The header that the proxy does not write is the client's own.
		if c.header == Forwarded {
			args = append(args, "X-Forwarded-For", "6.6.6.6")
		} else {
			args = append(args, "Forwarded", "for=6.6.6.6")
		}
		if got := seen(behind(c.header, "10.0.0.0/8", "fd00::/8"), c.from, args...); got != c.want {
			t.Errorf("%s: %s from %s with %q is %s, want %s", c.what, c.header, c.from, c.lines, got, c.want)
		}
	}
	if got := seen(behind(Forwarded, "10.0.0.0/8"), proxy, "Forwarded", "for=1.2.3.4", "X-Forwarded-For", "9.9.9.9"); got != "1.2.3.4" {
		t.Errorf("both headers: %s", got)
	}
	if got := seen(behind(ForwardedFor), proxy, "X-Forwarded-For", "1.2.3.4"); got != proxy {
		t.Errorf("without trusted proxies: %s", got)
	}
}

// What the rules above find out reaches handlers, over a connection.
func TestHandlersSeeTheClient(t *testing.T) {
	told := make(chan string, 1)
	routes := []Route{{Method: "GET", Pattern: "/", Class: Private, Handler: func(_ context.Context, r *Request) (*Answer, error) {
		told <- r.Client
		return &Answer{}, nil
	}}}
	for want, trusted := range map[string][]netip.Prefix{"127.0.0.1": nil, "1.2.3.4": {netip.MustParsePrefix("127.0.0.0/8")}} {
		s := startServer(t, routes, func(c *Config) { c.TrustedProxies, c.ClientHeader = trusted, Forwarded })
		get(t, s, "/", "Forwarded", "for=1.2.3.4")
		if got := <-told; got != want {
			t.Errorf("trusting %v: %s, want %s", trusted, got, want)
		}
	}
}

// FuzzForwarded: whatever a client sent before it, the element that a trusted proxy appended is what counts, and no
// input makes the parser fail.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "for=9.9.9.9", `for="`, `for="\`, `a="b,c";for="[::1]:_x"`, `,;,=`, `"`, `\`, "for=unknown, for=_x"} {
		f.Add(s, "for=9.9.9.9")
	}
	s := behind(Forwarded, "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, before, element string) {
		if a, ok := node(forwardedFor([]byte(element))); ok && (!a.IsValid() || a.Zone() != "" || a.Is4In6()) {
			t.Fatalf("%q is %v", element, a)
		}
		if strings.ContainsAny(before, "\r\n\x00") {
			return // no header can hold them
		}
		for _, own := range []string{`for="[2001:db8::7]:80";proto=https`, "for=1.2.3.4", `by=10.0.0.1;for="1.2.3.4:_a"`} {
			want := "1.2.3.4"
			if strings.Contains(own, "db8") {
				want = "2001:db8::7"
			}
			if got := seen(s, "10.0.0.1", "Forwarded", before+", "+own); got != want {
				t.Fatalf("%q before %q makes the client %s", before, own, got)
			}
			if got := seen(s, "10.0.0.1", "Forwarded", before, "Forwarded", own+", for=10.9.9.9"); got != want {
				t.Fatalf("%q on a line before %q makes the client %s", before, own, got)
			}
		}
	})
}
