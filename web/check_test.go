package web_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// check walks a page and notes what is wrong with it.
type check struct {
	ids      map[string]int
	labels   map[string]bool // ids that a label is for
	mains    int
	headings int
	found    []string
}

func (c *check) add(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func has(n *html.Node, keys ...string) bool {
	for _, k := range keys {
		if _, ok := attr(n, k); !ok {
			return false
		}
	}
	return true
}

// collect notes ids and labels, which inspect needs to know beforehand.
func (c *check) collect(n *html.Node) {
	if id, ok := attr(n, "id"); ok {
		c.ids[id]++
	}
	if target, ok := attr(n, "for"); ok && n.Data == "label" {
		c.labels[target] = true
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.collect(k)
	}
}

func (c *check) inspect(n *html.Node) {
	if n.Type == html.ElementNode {
		c.element(n)
		c.attributes(n)
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.inspect(k)
	}
}

func (c *check) element(n *html.Node) {
	switch n.Data {
	case "main":
		c.mains++
	case "h1":
		c.headings++
	case "style":
		c.add("style element")
	case "script":
		c.script(n)
	case "img":
		if !has(n, "src", "alt", "width", "height") {
			c.add("img without src, alt, width or height: %v", n.Attr)
		}
	case "input", "select", "textarea":
		if t, _ := attr(n, "type"); t != "hidden" && !c.labelled(n) {
			c.add("%s without a label: %v", n.Data, n.Attr)
		}
	case "form":
		if action, _ := attr(n, "action"); !strings.HasPrefix(action, "/") {
			c.add("form posts to %q", action)
		}
	}
}

// script allows a file of ours and a block of JSON data, nothing else.
func (c *check) script(n *html.Node) {
	kind, _ := attr(n, "type")
	src, _ := attr(n, "src")
	switch {
	case kind == "module" && strings.HasPrefix(src, "/static/") && n.FirstChild == nil:
	case kind == "application/ld+json" && n.FirstChild != nil && json.Valid([]byte(n.FirstChild.Data)):
	default:
		c.add("inline script: %v", n.Attr)
	}
}

func (c *check) labelled(n *html.Node) bool {
	if id, ok := attr(n, "id"); ok && c.labels[id] {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return true
		}
	}
	return has(n, "aria-label")
}

func (c *check) attributes(n *html.Node) {
	for _, a := range n.Attr {
		switch {
		case a.Key == "style", strings.HasPrefix(a.Key, "on"):
			c.add("attribute %s=%q on %s", a.Key, a.Val, n.Data)
		case a.Key == "aria-describedby", a.Key == "aria-labelledby", a.Key == "for":
			for _, id := range strings.Fields(a.Val) {
				if c.ids[id] == 0 {
					c.add("%s leads to no element: %q", a.Key, id)
				}
			}
		case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
			if c.ids[a.Val[1:]] == 0 {
				c.add("link to no element: %q", a.Val)
			}
		case a.Key == "href" || a.Key == "src":
			if !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "about:invalid#") {
				c.add("%s=%q on %s", a.Key, a.Val, n.Data)
			}
		}
	}
}
