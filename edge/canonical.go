package edge

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// Bounds of what is read at all.
const (
	maxTarget  = 8 << 10  // bytes of the request target
	maxHeaders = 16 << 10 // bytes of the header block
	maxLines   = 100      // header lines
	maxPairs   = 100      // query parameters, form fields
)

func malformed(detail string) *api.Error { return api.NewError(api.CodeMalformed, "%s", detail) }

// checkFraming refuses what fasthttp lets through although two servers could read it in two ways:
// see the table in DESIGN.md.
func checkFraming(h *fasthttp.RequestHeader) *api.Error {
	if p := string(h.Protocol()); p != "HTTP/1.1" && p != "HTTP/1.0" {
		return malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
	}
	var length, encoding bool
	lines := 0
	for raw := h.RawHeaders(); len(raw) > 0; {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		if lines++; lines > maxLines+1 { // the block ends with an empty line
			return malformed("There are too many headers.")
		}
		if len(line) == 0 {
			continue
		}
		switch line[0] {
		case ' ', '\t':
			return malformed("A header must not be folded over several lines.")
		case 'C', 'c':
			name, _, _ := bytes.Cut(line, colon)
			length = length || bytes.EqualFold(name, contentLength)
		case 'T', 't':
			name, value, _ := bytes.Cut(line, colon)
			if !bytes.EqualFold(name, transferEncoding) {
				continue
			}
			encoding = true
			if !bytes.EqualFold(bytes.TrimSpace(value), chunked) {
				return malformed("The only transfer coding is chunked.")
			}
		}
	}
	if length && encoding {
		return malformed("Send either a length or chunks.")
	}
	return nil
}

var (
	colon            = []byte(":")
	contentLength    = []byte("Content-Length")
	transferEncoding = []byte("Transfer-Encoding")
	chunked          = []byte("chunked")
)

// target is a request target in normal form.
type target struct {
	path  string // decoded; exactly one raw form leads to it
	query []byte // as sent, still encoded; points into the connection's buffer
	// collapse is set when the path holds doubled slashes: the place to redirect to instead.
	collapse string
}

// parseTarget reads a request target. It refuses every target that is not the one normal form of its
// path, so that no two spellings of an address are two things, or one thing for us and another for a
// proxy in front.
func parseTarget(raw []byte) (target, *api.Error) {
	if len(raw) == 0 || raw[0] != '/' {
		return target{}, malformed("The request target must be a path.")
	}
	if len(raw) > maxTarget {
		return target{}, malformed("The address is too long.")
	}
	for _, c := range raw {
		if c <= ' ' || c == 0x7f || c == '#' || c == '\\' {
			return target{}, malformed("The address holds a character that must be percent-encoded.")
		}
	}
	path, query, _ := bytes.Cut(raw, []byte{'?'})
	decoded, err := decodePath(path)
	if err != nil {
		return target{}, err
	}
	if strings.Contains(decoded, "/./") || strings.Contains(decoded, "/../") || strings.HasSuffix(decoded, "/.") || strings.HasSuffix(decoded, "/..") {
		return target{}, malformed("The path must not hold dot segments.")
	}
	t := target{path: decoded, query: query}
	if bytes.Contains(path, []byte("//")) {
		t.collapse = collapseSlashes(string(path))
	}
	return t, nil
}

// decodePath decodes a raw path and refuses it unless encoding the result gives the same bytes again.
func decodePath(raw []byte) (string, *api.Error) {
	plain := true
	for _, c := range raw {
		if c == '%' || c >= utf8.RuneSelf || !literal(c) {
			plain = false
			break
		}
	}
	if plain {
		return string(raw), nil
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' {
			if !literal(c) {
				return "", malformed("The path holds a character that must be percent-encoded.")
			}
			out = append(out, c)
			continue
		}
		if i+2 >= len(raw) {
			return "", malformed("The path ends in the middle of a percent-encoded character.")
		}
		hi, lo := upperHex(raw[i+1]), upperHex(raw[i+2])
		if hi < 0 || lo < 0 {
			return "", malformed("Percent-encoding is two upper-case hexadecimal digits.")
		}
		b := byte(hi<<4 | lo)
		if b < ' ' || b == 0x7f || b == '/' || b == '\\' || b == '%' || (b < utf8.RuneSelf && literal(b)) {
			return "", malformed("The path percent-encodes a character that it must not.")
		}
		out = append(out, b)
		i += 2
	}
	if !utf8.Valid(out) {
		return "", malformed("The path is not UTF-8.")
	}
	return string(out), nil
}

// literal reports whether a byte stands for itself in a path: pchar of RFC 3986, and the slash.
func literal(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0
}

func upperHex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func collapseSlashes(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// parsePairs reads a query or an application/x-www-form-urlencoded body, keeping the names that
// allow. It refuses what is not UTF-8, control characters (line breaks and tabs in forms aside), and
// more than maxPairs pairs.
func parsePairs(raw []byte, form bool, allow func(name string) bool) (map[string][]string, *api.Error) {
	var out map[string][]string
	for n := 0; len(raw) > 0; n++ {
		if n >= maxPairs {
			return nil, malformed("There are too many parameters.")
		}
		pair, rest, _ := bytes.Cut(raw, []byte{'&'})
		raw = rest
		if len(pair) == 0 {
			continue
		}
		k, v, _ := bytes.Cut(pair, []byte{'='})
		name, ok1 := decodeComponent(k, form)
		value, ok2 := decodeComponent(v, form)
		if !ok1 || !ok2 {
			return nil, malformed("A parameter is not percent-encoded UTF-8, or holds control characters.")
		}
		if !allow(name) {
			continue
		}
		if out == nil {
			out = make(map[string][]string, 4)
		}
		out[name] = append(out[name], value)
	}
	return out, nil
}

func decodeComponent(raw []byte, form bool) (string, bool) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%':
			if i+2 >= len(raw) {
				return "", false
			}
			hi, lo := upperHex(upper(raw[i+1])), upperHex(upper(raw[i+2]))
			if hi < 0 || lo < 0 {
				return "", false
			}
			c = byte(hi<<4 | lo)
			i += 2
		}
		if c == 0x7f || c < ' ' && !(form && (c == '\n' || c == '\r' || c == '\t')) {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), utf8.Valid(out)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
