package edge

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// asked is what an answer out of the cache depends on. The bytes are the connection's.
type asked struct {
	target, host, accept, acceptEncoding, ifNoneMatch, requestID []byte
	ranged                                                       bool
}

// scan reads the head of a GET that can be read in one way only and leaves nothing to decide. It is stricter than the
// long way, which gets what is not ok.
func scan(p []byte) (q asked, ok bool) {
	rest, isGet := bytes.CutPrefix(p, []byte("GET "))
	end := bytes.IndexByte(rest, ' ')
	if !isGet || end <= 0 || end > maxQuick || rest[0] != '/' {
		return q, false
	}
	q.target, rest = rest[:end], rest[end+1:]
	rest, isHTTP := bytes.CutPrefix(rest, []byte("HTTP/1.1\r\n"))
	if !isHTTP || !isPlain(q.target) {
		return q, false
	}
	for range maxLines {
		if len(rest) == 2 && rest[0] == '\r' && rest[1] == '\n' {
			return q, len(q.host) > 0
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 3 || rest[end-1] != '\r' {
			return q, false
		}
		line := rest[:end-1]
		rest = rest[end+1:]
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !printable(line) {
			return q, false
		}
		if !q.header(line[:colon], line[colon+1:]) {
			return q, false
		}
	}
	return q, false
}

// header takes one header line. It refuses what is not for the short cut.
func (q *asked) header(name, value []byte) bool {
	for _, c := range name {
		if !tokens[c] {
			return false
		}
	}
	value = bytes.Trim(value, " ")
	var place *[]byte
	switch len(name) {
	case len("Host"):
		if is(name, "host") {
			for _, c := range value {
				if !hosts[c] {
					return false
				}
			}
			place = &q.host
		}
	case len("Range"):
		q.ranged = q.ranged || is(name, "range")
	case len("Accept"): // and Expect
		if is(name, "accept") {
			place = &q.accept
		} else if is(name, "expect") {
			return false
		}
	case len("Connection"):
		return !is(name, "connection") || is(value, "keep-alive")
	case len("X-Request-Id"):
		if is(name, "x-request-id") {
			place = &q.requestID
		}
	case len("If-None-Match"):
		if is(name, "if-none-match") {
			place = &q.ifNoneMatch
		}
	case len("Content-Length"):
		return !is(name, "content-length")
	case len("Accept-Encoding"):
		if is(name, "accept-encoding") {
			place = &q.acceptEncoding
		}
	case len("Transfer-Encoding"):
		return !is(name, "transfer-encoding")
	}
	if place == nil {
		return true
	}
	if *place != nil || len(value) == 0 {
		return false
	}
	*place = value
	return true
}

// is reports whether b is a word, which is given in lower case, in any case of letters.
func is(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// tokens are the bytes of a header's name (RFC 9110, 5.6.2), hosts those of the hosts that the short cut reads.
var tokens, hosts = func() (tokens, hosts [256]bool) {
	for c := range 256 {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		tokens[c] = letter || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0
		hosts[c] = letter || bytes.IndexByte([]byte("-._:[]"), byte(c)) >= 0
	}
	return tokens, hosts
}()

// printable reports whether all bytes are from space to tilde, eight at a time (Warren, "Hacker's Delight", section 6-1).
func printable(b []byte) bool {
	const ones = 0x0101010101010101
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		if ((x-ones*' ')|x|(x+ones))&(ones*0x80) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// framed reports whether p, whose head ends at end, holds one request and nothing of another, and if nothing but its head
// is needed to know where it ends. Then size is that of its body, of which skip bytes are still to come.
func framed(p []byte, end int) (ok bool, size, skip int) {
	if end <= len(endOfHead) {
		return false, 0, 0
	}
	lengths := 0
	first := true
	for line := range bytes.SplitSeq(p[:end-len(endOfHead)], []byte("\r\n")) {
		if first {
			first = false
			continue
		}
		name, value, _ := bytes.Cut(line, colon)
		switch name = bytes.TrimSpace(name); {
		case bytes.IndexByte(line, '\n') >= 0, bytes.EqualFold(name, transferEncoding), bytes.EqualFold(name, expect):
			return false, 0, 0
		case bytes.EqualFold(name, contentLength):
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
			if lengths++; err != nil || lengths > 1 {
				return false, 0, 0
			}
			size = int(n)
		}
	}
	if len(p)-end > size {
		return false, 0, 0
	}
	return true, size, size - (len(p) - end)
}

var (
	endOfHead = []byte("\r\n\r\n")
	expect    = []byte("Expect")
)
