package edge

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"meridian/api"
)

// Bounds of what is read from a request's address.
const (
	maxLimit    = 100
	usualLimit  = 24
	maxCursor   = 512
	maxQuery    = 200
	maxOpaqueID = 128
)

var sorts = []string{"", "featured", "newest", "price", "-price", "title"}

// validHandle reports whether s matches [a-z0-9-]{1,128}.
func validHandle(s string) bool {
	return bounded(s, 128, func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' })
}

// validSKU reports whether s matches [A-Za-z0-9._-]{1,64}.
func validSKU(s string) bool {
	return bounded(s, 64, func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
	})
}

// validOpaque reports whether s can be an id or a key that we gave out: visible ASCII of bounded length.
func validOpaque(s string) bool {
	return bounded(s, maxOpaqueID, func(c byte) bool { return c > ' ' && c < 0x7f })
}

func bounded(s string, max int, ok func(byte) bool) bool {
	if s == "" || len(s) > max {
		return false
	}
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// params reads a query and gathers its faults; absent and empty are the same.
type params struct {
	query map[string][]string
	errs  []api.FieldError
}

func (p *params) fail(field, message string) {
	if len(p.errs) < maxFieldErrors {
		p.errs = append(p.errs, api.FieldError{Field: field, Message: message})
	}
}

func (p *params) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return api.InvalidFields(p.errs)
}

// one is a parameter that may be given once.
func (p *params) one(name string) string {
	v := p.query[name]
	if len(v) > 1 {
		p.fail(name, "must be given once")
	}
	if len(v) == 0 {
		return ""
	}
	if !utf8.ValidString(v[0]) {
		p.fail(name, "is not valid UTF-8")
		return ""
	}
	return v[0]
}

// text is a parameter of at most max bytes without control characters.
func (p *params) text(name string, max int) string {
	v := p.one(name)
	if len(v) > max {
		p.fail(name, "must be at most "+strconv.Itoa(max)+" bytes long")
		return ""
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.fail(name, "must not hold control characters")
		return ""
	}
	return v
}

// choice is one of the allowed words.
func (p *params) choice(name string, allowed []string) string {
	v := p.one(name)
	if v != "" && !slices.Contains(allowed, v) {
		words := slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" })
		p.fail(name, "must be one of "+strings.Join(words, ", "))
		return ""
	}
	return v
}

func (p *params) handle(name string) string {
	v := p.one(name)
	if v != "" && !validHandle(v) {
		p.fail(name, "must be 1 to 128 of a-z, 0-9 and -")
		return ""
	}
	return v
}

// flag is true, false or absent.
func (p *params) flag(name string) bool {
	switch p.one(name) {
	case "", "false", "0":
		return false
	case "true", "1":
		return true
	}
	p.fail(name, "must be true or false")
	return false
}

// page reads limit and after.
func (p *params) page() api.Page {
	var page api.Page
	if v := p.one("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxLimit || v[0] == '+' {
			p.fail("limit", "must be a whole number from 1 to 100")
		} else {
			page.Limit = n
		}
	}
	if v := p.one("after"); v != "" {
		if !bounded(v, maxCursor, func(c byte) bool { return c > ' ' && c < 0x7f }) {
			p.fail("after", "must be the next of the page before")
		} else {
			page.After = v
		}
	}
	return page
}

// facets reads every facet.NAME.
func (p *params) facets() map[string]string {
	var facets map[string]string
	for name := range p.query {
		facet, ok := strings.CutPrefix(name, "facet.")
		if !ok {
			continue
		}
		if facet == "" || len(facet) > 64 || !utf8.ValidString(facet) {
			p.fail("facet", "must be followed by a name of at most 64 bytes")
			continue
		}
		if v := p.text(name, maxQuery); v != "" {
			if facets == nil {
				facets = map[string]string{}
			}
			facets[facet] = v
		}
	}
	return facets
}

// ifMatch reads an If-Match header that holds an index; absent and * are the zero index.
func ifMatch(header string) (api.Index, error) {
	v := strings.TrimSpace(header)
	if v == "" || v == "*" {
		return api.Index{}, nil
	}
	if len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"' {
		v = v[1 : len(v)-1]
	}
	i, err := api.ParseIndex(v)
	if err != nil || i.IsZero() {
		return api.Index{}, api.NewError(api.CodePrecondition, "If-Match does not hold an index of this thing. Read it again and send the index it has then.")
	}
	return i, nil
}

// handleParam is the {handle} of an address that is read: what cannot exist is not found.
func handleParam(r *Request) (string, error) {
	h := r.Params["handle"]
	if !validHandle(h) {
		return "", notFound("There is nothing under this address.")
	}
	return h, nil
}

// handleToWrite is the {handle} of an address that is written to.
func handleToWrite(r *Request) (string, error) {
	h := r.Params["handle"]
	if !validHandle(h) {
		return "", api.Invalid("handle", "must be 1 to 128 of a-z, 0-9 and -")
	}
	return h, nil
}

func skuParam(r *Request) (string, error) {
	sku := r.Params["sku"]
	if !validSKU(sku) {
		return "", api.Invalid("sku", "must be 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	return sku, nil
}

// idParam is an {id} that we gave out.
func idParam(r *Request) (string, error) {
	id := r.Params["id"]
	if !validOpaque(id) {
		return "", notFound("There is nothing under this address.")
	}
	return id, nil
}

func notFound(format string, args ...any) *api.Error {
	return api.NewError(api.CodeNotFound, format, args...)
}
