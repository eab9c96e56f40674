package proxied

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// header is one of version 2: the byte of version and command, that of family and protocol, and what follows.
func header(command, family byte, rest string) string {
	return signature + string([]byte{command, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(rest)))) + rest
}

const (
	client4 = "\xcb\x00\x71\x09" + "\x0a\x00\x00\x01" + "\x12\x34" + "\x00\x50"
	client6 = " \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + " \x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08" + "\x12\x34" + "\x00\x50"
)

// bench is a listener with what it refused and whom it gave out.
type bench struct {
	*Listener
	refused chan Reason
}

func listen(t *testing.T, cfg Config, from ...string) *bench {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{refused: make(chan Reason, 100)}
	for _, f := range from {
		cfg.From = append(cfg.From, netip.MustParsePrefix(f))
	}
	cfg.Refused = func(r Reason) { b.refused <- r }
	b.Listener = Listen(inner, cfg)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func (b *bench) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// why is the reason of the next refusal.
func (b *bench) why(t *testing.T) Reason {
	t.Helper()
	select {
	case r := <-b.refused:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was refused")
		return ""
	}
}

func host(c net.Conn) string { return c.RemoteAddr().(*net.TCPAddr).IP.String() }

func TestTheLoadBalancerNamesTheClient(t *testing.T) {
	l := listen(t, Config{}, "127.0.0.0/8")
	for _, c := range []struct{ what, head, want string }{
		{"v4", header(0x21, 0x11, client4), "203.0.113.9"},
		{"v6", header(0x21, 0x21, client6), "2001:db8::7"},
		{"with fields", header(0x21, 0x11, client4+"\x04\x00\x03abc"), "203.0.113.9"},
		{"a check of its own", header(0x20, 0x00, ""), "127.0.0.1"},
		{"a check of its own, with addresses", header(0x20, 0x11, client4), "127.0.0.1"},
	} {
		// What follows is the client's, also if it looks like a header.
		rest := "GET / HTTP/1.1\r\n" + header(0x21, 0x21, client6)
		l.dial(t, c.head+rest)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := host(conn); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		got := make([]byte, len(rest))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != rest {
			t.Errorf("%s: what follows is %q, %v", c.what, got, err)
		}
		_ = conn.Close()
	}
}

func TestWhatIsNoHeaderIsRefused(t *testing.T) {
	l := listen(t, Config{Timeout: 50 * time.Millisecond}, "127.0.0.0/8")
	for _, c := range []struct {
		what, text string
		want       Reason
	}{
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", Missing}, {"one byte", "G", Missing}, {"version 1", "PROXY TCP4 203.0.113.9 10.0.0.1 4660 80\r\n", Missing},
		{"nearly", "\r\n\r\n\x00\r\nQUIX\n\x21\x11\x00\x0c" + client4, Missing},
		{"another version", header(0x11, 0x11, client4), Malformed}, {"another command", header(0x22, 0x11, client4), Malformed},
		{"a datagram", header(0x21, 0x12, client4), Malformed}, {"no family", header(0x21, 0x00, ""), Malformed}, {"a file", header(0x21, 0x31, strings.Repeat("a", 216)), Malformed},
		{"too short for its family", header(0x21, 0x21, client4), Malformed}, {"huge", signature + "\x21\x11\xff\xff", Malformed},
		{"nothing", "", Late}, {"half a signature", signature[:7], Late}, {"half a header", header(0x21, 0x11, client4)[:20], Late},
	} {
		conn := l.dial(t, c.text)
		if got := l.why(t); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		if n, err := conn.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
			t.Errorf("%s: not closed: %v", c.what, err)
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// From elsewhere nobody names a client, however the header is cut into packets; everything else passes.
func TestAHeaderFromElsewhereIsRefused(t *testing.T) {
	l := listen(t, Config{}, "10.0.0.0/8")
	for _, head := range []string{header(0x21, 0x11, client4), header(0x20, 0x00, ""), "PROXY TCP4 203.0.113.9 10.0.0.1 4660 80\r\n"} {
		for _, cut := range []int{0, 1, 4, 5, 11} {
			conn := l.dial(t, head[:cut])
			served, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if got := host(served); got != "127.0.0.1" {
				t.Errorf("the client is %s", got)
			}
			go func() { _, _ = io.WriteString(conn, head[cut:]) }()
			_ = served.SetReadDeadline(time.Now().Add(10 * time.Second))
			b, err := io.ReadAll(served)
			if err != nil && !errors.Is(err, io.EOF) || len(b) > 0 {
				t.Errorf("cut at %d: read %q, %v", cut, b, err)
			}
			if why := l.why(t); why != Untrusted {
				t.Errorf("cut at %d: %s", cut, why)
			}
		}
	}
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\r\n\r\nGET /", "P", "PROXIMITY / HTTP/1.1\r\n", "\r\n\r\n\x00\r\nQUIX\n"} {
		conn := l.dial(t, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(served); err != nil || string(b) != text {
			t.Errorf("%q came as %q, %v", text, b, err)
		}
		_ = served.Close()
	}
	select {
	case why := <-l.refused:
		t.Errorf("refused what is no header: %s", why)
	default:
	}
}

// Who is silent holds up nobody, and not more than a number wait.
func TestSilenceHoldsUpNobody(t *testing.T) {
	l := listen(t, Config{Timeout: time.Minute, MaxPending: 3}, "127.0.0.0/8")
	l.dial(t, "")
	l.dial(t, signature)
	l.dial(t, header(0x21, 0x11, client4))
	if conn, err := l.Accept(); err != nil || host(conn) != "203.0.113.9" {
		t.Fatal(err)
	}
	l.dial(t, "")
	for n := 3; n < 6; n++ {
		l.dial(t, "") // the listener frees the place of the one it gave out a moment later
		select {
		case why := <-l.refused:
			if why != Busy {
				t.Fatal(why)
			}
			return
		case <-time.After(time.Second):
		}
	}
	t.Error("any number may wait")
}

func TestCloseEndsEverything(t *testing.T) {
	l := listen(t, Config{Timeout: time.Minute}, "127.0.0.0/8")
	silent := l.dial(t, "")
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
	})
	for { // until the header is awaited
		l.mu.Lock()
		n := len(l.pending)
		l.mu.Unlock()
		if n == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := silent.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the silent connection is open: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	select {
	case why := <-l.refused:
		t.Errorf("closing refused a connection: %s", why)
	default:
	}
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"", signature, header(0x21, 0x11, client4), header(0x21, 0x21, client6), header(0x20, 0, "x"), "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := strings.NewReader(string(in))
		client, why := readHeader(r)
		read := len(in) - r.Len()
		switch {
		case why != "":
			if client != nil {
				t.Fatalf("%q: %s, and %v", in, why, client)
			}
		case read != prefixBytes+int(binary.BigEndian.Uint16(in[14:16])):
			t.Fatalf("%q: %d bytes were read", in, read)
		case client != nil && (in[12] != 0x21 || client.IP.To16() == nil):
			t.Fatalf("%q: %v", in, client)
		}
	})
}
