package edge

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// router finds the route of a path. Exact segments win over parameters. It is built once and only read.
type router struct {
	root *segment
}

// segment is a node of the tree: what may follow after a slash.
type segment struct {
	exact map[string]*segment
	param *segment
	leaf  *leaf
}

// leaf holds the methods of one pattern.
type leaf struct {
	methods map[string]*bound
	allow   string // for the Allow header
	api     bool   // any of its routes speaks JSON only
}

// of is the route of a method, nil if there is none.
func (l *leaf) of(method string) *bound {
	if l == nil {
		return nil
	}
	return l.methods[method]
}

// bound is a route with what was worked out about it once.
type bound struct {
	Route
	params   []string // names of the parameters, in order
	exact    map[string]bool
	prefixes []string
}

// match is a route that was found. A nil leaf: there is none; slash: the same path with its final
// slash added or taken away is one.
type match struct {
	leaf   *leaf
	params []string
	slash  bool
}

// named are the parameters by their names; nil without any.
func (m match) named(b *bound) map[string]string {
	if len(b.params) == 0 {
		return nil
	}
	all := make(map[string]string, len(b.params))
	for i, p := range b.params {
		all[p] = m.params[i]
	}
	return all
}

func newRouter(routes []Route) (*router, error) {
	r := &router{root: &segment{}}
	for i := range routes {
		if err := r.add(routes[i]); err != nil {
			return nil, fmt.Errorf("edge: route %s %s: %w", routes[i].Method, routes[i].Pattern, err)
		}
	}
	return r, nil
}

func (r *router) add(rt Route) error {
	switch rt.Method {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
	default:
		return fmt.Errorf("method %q is not one we answer", rt.Method)
	}
	if rt.Handler == nil {
		return fmt.Errorf("no handler")
	}
	if !strings.HasPrefix(rt.Pattern, "/") {
		return fmt.Errorf("the pattern must start with a slash")
	}
	if rt.Method == "GET" && rt.MaxBody > 0 {
		return fmt.Errorf("GET takes no body")
	}
	if rt.Timeout <= 0 {
		rt.Timeout = 10 * time.Second
	}
	if rt.MaxBody > 0 && len(rt.Types) == 0 {
		rt.Types = []string{"application/json"}
	}
	b := &bound{Route: rt, exact: map[string]bool{}}
	for _, q := range rt.Query {
		if p, ok := strings.CutSuffix(q, "*"); ok {
			b.prefixes = append(b.prefixes, p)
		} else {
			b.exact[q] = true
		}
	}
	at := r.root
	for _, s := range strings.Split(rt.Pattern[1:], "/") {
		if name, ok := strings.CutPrefix(s, "{"); ok && strings.HasSuffix(name, "}") {
			b.params = append(b.params, strings.TrimSuffix(name, "}"))
			if at.param == nil {
				at.param = &segment{}
			}
			at = at.param
			continue
		}
		if at.exact == nil {
			at.exact = map[string]*segment{}
		}
		if at.exact[s] == nil {
			at.exact[s] = &segment{}
		}
		at = at.exact[s]
	}
	if at.leaf == nil {
		at.leaf = &leaf{methods: map[string]*bound{}}
	}
	if at.leaf.methods[rt.Method] != nil {
		return fmt.Errorf("given twice")
	}
	at.leaf.methods[rt.Method] = b
	at.leaf.api = at.leaf.api || rt.API
	at.leaf.allow = allowed(at.leaf.methods)
	return nil
}

func allowed(methods map[string]*bound) string {
	out := []string{"OPTIONS"}
	for m := range methods {
		out = append(out, m)
		if m == "GET" {
			out = append(out, "HEAD")
		}
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

func (r *router) find(path string) match {
	var params [8]string
	if l, n := r.root.find(path[1:], params[:0]); l != nil {
		return match{leaf: l, params: n}
	}
	other, had := strings.CutSuffix(path, "/")
	if !had {
		other = path + "/"
	}
	if other != "" {
		if l, _ := r.root.find(other[1:], params[:0]); l != nil {
			return match{slash: true}
		}
	}
	return match{}
}

// find walks the tree along path, the slash before it taken off.
func (s *segment) find(path string, params []string) (*leaf, []string) {
	head, rest, more := strings.Cut(path, "/")
	if next := s.exact[head]; next != nil {
		if l, p := next.after(rest, more, params); l != nil {
			return l, p
		}
	}
	if s.param != nil && head != "" && len(params) < 8 {
		return s.param.after(rest, more, append(params, head))
	}
	return nil, nil
}

func (s *segment) after(rest string, more bool, params []string) (*leaf, []string) {
	if !more {
		if s.leaf == nil {
			return nil, nil
		}
		return s.leaf, slices.Clip(params)
	}
	return s.find(rest, params)
}

// allows reports whether the route takes a query parameter.
func (b *bound) allows(name string) bool {
	if b.exact[name] {
		return true
	}
	for _, p := range b.prefixes {
		if len(name) > len(p) && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// accepts reports whether the route takes a body of this content type.
func (b *bound) accepts(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	for _, t := range b.Types {
		if strings.EqualFold(media, t) {
			return true
		}
		if p, ok := strings.CutSuffix(t, "/*"); ok && len(media) > len(p) && strings.EqualFold(media[:len(p)], p) && media[len(p)] == '/' {
			return true
		}
	}
	return false
}
