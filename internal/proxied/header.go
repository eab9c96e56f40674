package proxied

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"

	"github.com/pires/go-proxyproto"
)

const (
	prefixBytes = 16   // signature, version and command, family, length
	headerMax   = 4096 // of the rest: addresses, and fields of the load balancer's
)

// readHeader reads the header of a connection and nothing behind it. A nil client without a reason: the load
// balancer speaks for itself, to see whether we are well.
func readHeader(r io.Reader) (client *net.TCPAddr, why Reason) {
	buf := make([]byte, prefixBytes, 128)
	// A client that speaks HTTP is told so at once, and is not waited for: what it sends may be shorter.
	if _, err := io.ReadFull(r, buf[:1]); err != nil {
		return nil, Late
	}
	if buf[0] != proxyproto.SIGV2[0] {
		return nil, Missing
	}
	if _, err := io.ReadFull(r, buf[1:]); err != nil {
		return nil, Late
	}
	if !bytes.HasPrefix(buf, proxyproto.SIGV2) {
		return nil, Missing
	}
	size := int(binary.BigEndian.Uint16(buf[prefixBytes-2:]))
	if size > headerMax {
		return nil, Malformed
	}
	buf = append(buf, make([]byte, size)...)
	if _, err := io.ReadFull(r, buf[prefixBytes:]); err != nil {
		return nil, Late
	}
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(buf)))
	if err != nil {
		return nil, Malformed
	}
	if h.Command.IsLocal() {
		return nil, ""
	}
	source, _, ok := h.TCPAddrs()
	if !ok {
		return nil, Malformed
	}
	return source, ""
}

// introduced is a connection whose client a load balancer named.
type introduced struct {
	*net.TCPConn
	client *net.TCPAddr
}

// RemoteAddr is the client's address.
func (c *introduced) RemoteAddr() net.Addr { return c.client }

// direct is a connection from elsewhere, which must not begin with a header.
type direct struct {
	*net.TCPConn
	checked bool // by the one goroutine that reads
	refused func(Reason)
}

// Read reads from the connection. What could become a header is held back until it is one or none.
func (c *direct) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if c.checked {
		return n, err
	}
	for err == nil && n < len(b) && begins(b[:n]) {
		var more int
		more, err = c.TCPConn.Read(b[n:])
		n += more
	}
	c.checked = n > 0
	if bytes.HasPrefix(b[:n], proxyproto.SIGV2) || bytes.HasPrefix(b[:n], sigV1) {
		c.refused(Untrusted)
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// sigV1 begins a header of version 1. No method of HTTP is called so.
var sigV1 = append(bytes.Clone(proxyproto.SIGV1), ' ')

// begins reports whether b is the beginning of a header, but not yet enough of one to tell.
func begins(b []byte) bool {
	return len(b) > 0 && (len(b) < len(proxyproto.SIGV2) && bytes.HasPrefix(proxyproto.SIGV2, b) || len(b) < len(sigV1) && bytes.HasPrefix(sigV1, b))
}
