package edge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"meridian/api"
	"meridian/web"
)

// navTTL is how old the navigation of a private page may be.
const navTTL = 10 * time.Second

// maxNav bounds the collections in the header.
const maxNav = 8

// navMemory keeps the collections for private pages, so that a cart costs no call for them. Public
// pages never use it: they are cached, and must not outlive what they show.
type navMemory struct {
	mu    sync.Mutex
	lists map[api.Locale]navEntry
}

type navEntry struct {
	items []api.Collection
	at    time.Time
}

// maxNavLocales bounds the memory: beyond it, it starts anew.
const maxNavLocales = 64

func (n *navMemory) get(l api.Locale, now time.Time) ([]api.Collection, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.lists[l]
	return e.items, ok && now.Sub(e.at) < navTTL
}

func (n *navMemory) put(l api.Locale, items []api.Collection, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lists == nil || len(n.lists) >= maxNavLocales {
		n.lists = map[api.Locale]navEntry{}
	}
	n.lists[l] = navEntry{items: items, at: now}
}

// collections lists the collections for a page that will be cached.
func (s *Shop) collections(ctx context.Context, t *trip) ([]api.Collection, error) {
	list, err := ask(ctx, t, api.CollectionList, t.r.Locale)
	if err != nil {
		return nil, err
	}
	s.nav.put(t.r.Locale, list.Items, s.cfg.Now())
	return list.Items, nil
}

// recentCollections lists the collections for a private page. A page without navigation is better
// than no page, so a failure leaves it empty.
func (s *Shop) recentCollections(ctx context.Context, r *Request) []api.Collection {
	if items, ok := s.nav.get(r.Locale, s.cfg.Now()); ok {
		return items
	}
	items, err := s.collections(ctx, s.public(r))
	if err != nil {
		s.cfg.Log.Warn("navigation not read", "error", err, "request_id", r.Call.RequestID)
	}
	return items
}

// layout is what every page shares. It holds nothing personal.
func (s *Shop) layout(r *Request, title string, collections []api.Collection) web.Layout {
	l := web.Layout{Title: title, Canonical: s.cfg.BaseURL + r.Path, Lang: "en", Region: s.cfg.Region, Currency: r.Locale.Currency, Consent: string(s.cfg.Consent),
		RecAlgorithm: byTrend, RecVersion: trendRules, RecHoldout: s.cfg.Holdout}
	for i := range collections[:min(len(collections), maxNav)] {
		href := "/collections/" + collections[i].Handle
		l.Nav = append(l.Nav, web.Link{Label: collections[i].Title, Href: href, Current: href == r.Path})
	}
	return l
}

// privateLayout adds what only this client sees. A flash that is shown is taken out of the jar, and so is what a browser
// did not agree to.
func (s *Shop) privateLayout(ctx context.Context, r *Request, a *Answer, title string) web.Layout {
	l := s.layout(r, title, s.recentCollections(ctx, r))
	l.RecHoldout = 0 // here the edge itself knows the visit
	l.NoIndex, l.SignedIn, l.CartCount = true, r.Jar.Session != "", r.Jar.CartCount
	if a.Jar != nil {
		l.SignedIn, l.CartCount = a.Jar.Session != "", a.Jar.CartCount
	}
	if r.Jar.Flash != "" {
		l.FlashKind, l.Flash = splitFlash(r.Jar.Flash)
		a.jar(r).Flash = ""
	}
	s.forget(a, r)
	return l
}

// splitFlash takes a flash apart: it is stored with its kind in front, "good:Added.".
func splitFlash(flash string) (kind, text string) {
	kind, text, ok := strings.Cut(flash, ":")
	if ok && (kind == "good" || kind == "bad" || kind == "info") {
		return kind, text
	}
	return "info", flash
}

// page fills an answer with a rendered page.
func page(a *Answer, status int, view web.View) (*Answer, error) {
	body, err := written(view.Render)
	if err != nil {
		return nil, fmt.Errorf("render %T: %w", view, err)
	}
	a.Status, a.ContentType, a.Body = status, typeHTML, body
	// Browsers that can fetch the next page before it is asked for learn here which ones they may.
	a.Header = append(a.Header, [2]string{"Speculation-Rules", `"` + web.StaticPath("speculation.json") + `"`})
	return a, nil
}

// redirect answers 303 to a path of this site.
func redirect(a *Answer, path string) (*Answer, error) {
	a.Status = 303
	a.Header = append(a.Header, [2]string{"Location", path})
	return a, nil
}

// localPath is a path of this site to go to after signing in, else the fallback: never an address
// that a browser would take for another site.
func localPath(path, fallback string) string {
	if len(path) > 500 || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return fallback
	}
	return path
}
