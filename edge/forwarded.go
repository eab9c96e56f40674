package edge

import (
	"bytes"
	"net/netip"
)

// The header Forwarded is a list of elements, one a proxy, of pairs such as for="[2001:db8::1]:4711";proto=https
// (RFC 7239, section 4).

// lastElement cuts the last element off a line. It reads from the end: what a proxy appended is well-formed, and
// a quote that a client left open before it must not swallow it.
func lastElement(line []byte) (rest, last []byte) {
	quoted := false
	for i := len(line) - 1; i >= 0; i-- {
		switch {
		case line[i] == '"' && !escaped(line[:i]):
			quoted = !quoted
		case line[i] == ',' && !quoted:
			return line[:i], line[i+1:]
		}
	}
	return nil, line
}

// escaped reports whether the byte after b is escaped: an odd number of backslashes stands before it.
func escaped(b []byte) bool {
	n := len(b) - len(bytes.TrimRight(b, `\`))
	return n%2 == 1
}

// forwardedFor is the value of an element's pair "for", nil if there is none, or two, or the element is not
// well-formed.
func forwardedFor(element []byte) (value []byte) {
	element = bytes.TrimSpace(element)
	for len(element) > 0 {
		if element[0] == ';' {
			element = element[1:]
			continue
		}
		name, rest := token7230(element)
		if len(name) == 0 || len(rest) == 0 || rest[0] != '=' {
			return nil
		}
		v, rest, ok := pairValue(rest[1:])
		if !ok || len(rest) > 0 && rest[0] != ';' {
			return nil
		}
		if len(name) == 3 && bytes.EqualFold(name, []byte("for")) {
			if value != nil {
				return nil
			}
			value = v
		}
		element = rest
	}
	return value
}

// pairValue reads a token or a quoted string. A quoted string comes without its quotes; one with escapes is no
// address, and is given as it stands.
func pairValue(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		value, rest = token7230(b)
		return value, rest, len(value) > 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// token7230 cuts a token (RFC 7230, section 3.2.6) off the front.
func token7230(b []byte) (tok, rest []byte) {
	i := 0
	for i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i]|0x20 >= 'a' && b[i]|0x20 <= 'z' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b[i]) >= 0) {
		i++
	}
	return b[:i], b[i:]
}

// node reads an address with or without a port. unknown, identifiers such as _hidden, and names are none.
func node(b []byte) (netip.Addr, bool) {
	if len(b) > len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:_")+maxHostLabel {
		return netip.Addr{}, false
	}
	host, port, six := b, []byte(nil), false
	switch {
	case len(b) > 0 && b[0] == '[':
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return netip.Addr{}, false
		}
		host, port, six = b[1:end], b[end+1:], true
	case bytes.Count(b, []byte{':'}) == 1:
		i := bytes.IndexByte(b, ':')
		host, port = b[:i], b[i:]
	}
	if len(port) > 0 && (port[0] != ':' || !nodePort(port[1:])) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(host))
	if err != nil || a.Zone() != "" || six && a.Is4() {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// maxHostLabel bounds a port that is an identifier.
const maxHostLabel = 63

// nodePort reports whether b is a port number or an identifier in place of one (RFC 7239, section 6).
func nodePort(b []byte) bool {
	if len(b) > 1 && b[0] == '_' {
		tok, rest := token7230(b[1:])
		return len(rest) == 0 && len(tok) <= maxHostLabel
	}
	return len(b) > 0 && len(b) <= 5 && digits(string(b))
}
