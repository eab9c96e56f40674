package web

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Widths at which pictures are shown, for the sizes attribute.
const (
	sizesHero    = "(min-width: 60rem) 58vw, 100vw"
	sizesTile    = "(min-width: 60rem) 30vw, (min-width: 40rem) 45vw, 90vw"
	sizesCard    = "(min-width: 75rem) 21rem, (min-width: 48rem) 30vw, 46vw"
	sizesRail    = "(min-width: 60rem) 17rem, 44vw"
	sizesGallery = "(min-width: 60rem) 54vw, 100vw"
	sizesThumb   = "5rem"
	sizesLine    = "6rem"
)

func lang(l Layout) string {
	if l.Lang == "" {
		return "en"
	}
	return l.Lang
}

func pageTitle(l Layout) string {
	if l.Title == "" || l.Title == "Meridian" {
		return "Meridian – good things for the home and the desk"
	}
	return l.Title + " – Meridian"
}

func number(n int) string { return strconv.Itoa(n) }

// counted is "1 item", "3 items".
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// initial stands in for a missing picture.
func initial(title string) string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(title))
	if r == utf8.RuneError {
		return "M"
	}
	return string(unicode.ToUpper(r))
}

// jsonData makes a JSON document safe inside a script data block: no "<", so nothing can close it.
// What is not JSON is left out.
func jsonData(doc string) string {
	if doc == "" || !json.Valid([]byte(doc)) {
		return ""
	}
	var b bytes.Buffer
	json.HTMLEscape(&b, []byte(doc))
	return b.String()
}

// currentSort is the sort parameter of the current sort link, so that filtering keeps the order.
func currentSort(sorts []Link) string {
	for _, s := range sorts {
		if !s.Current {
			continue
		}
		if u, err := url.Parse(s.Href); err == nil {
			return u.Query().Get("sort")
		}
	}
	return ""
}

// selectedLabel is the choice of a facet, empty for any.
func selectedLabel(f Facet) string {
	for _, v := range f.Values {
		if v.Selected {
			return v.Label
		}
	}
	return ""
}

// statusClass is the tone of an order's status, read from its words.
func statusClass(label string) string {
	l := strings.ToLower(label)
	switch {
	case strings.Contains(l, "cancel"), strings.Contains(l, "refund"):
		return "tag muted"
	case strings.Contains(l, "pending"), strings.Contains(l, "wait"):
		return "tag warn"
	}
	return "tag good"
}

// columnClass sets figures flush right: a column is numeric when every cell that says something is a figure.
func columnClass(t Table, col int) string {
	seen := false
	for _, row := range t.Rows {
		if col >= len(row) || row[col] == "" || row[col] == "–" {
			continue
		}
		if !isFigure(row[col]) {
			return ""
		}
		seen = true
	}
	if seen {
		return "num"
	}
	return ""
}

// isFigure tells 3,182.40, -4 % and €181.90 from dates, addresses and words.
func isFigure(s string) bool {
	s = strings.TrimLeft(s, "+-−€$£¥₹ ")
	s = strings.TrimRight(s, "% ")
	return s != "" && strings.Count(s, ".") <= 1 && strings.Trim(s, "0123456789.,") == ""
}

// unspoken is p without its description, for a picture beside text that says the same.
func unspoken(p *Picture) *Picture {
	q := *p
	q.Alt = ""
	return &q
}

// silent is unspoken for a picture that may be missing.
func silent(p *Picture) *Picture {
	if p == nil {
		return nil
	}
	return unspoken(p)
}

// listName names a listing to the clickstream.
func listName(v Listing) string {
	if v.Search {
		return "search"
	}
	return "collection"
}

// searchWords are what was searched for, empty in a collection.
func searchWords(v Listing) string {
	if v.Search {
		return v.Query
	}
	return ""
}

// facetID is the id of a choice; value -1 is the choice of any.
func facetID(facet, value int) string { return "facet-" + number(facet+1) + "-" + number(value+1) }

func pictureID(i int) string { return "picture-" + number(i+1) }

func reportID(i int) string { return "report-" + number(i+1) }

func emptyWords(t Table) string {
	if t.Empty == "" {
		return "Nothing to show."
	}
	return t.Empty
}

// deskNav is the navigation of the staff pages: what the role may see.
func deskNav(v Desk) []Link {
	shop := Link{Label: "To the shop", Href: "/"}
	if v.Role == "operator" {
		return []Link{{Label: "Operations", Href: "/admin/operations", Current: true}, shop}
	}
	if len(v.Nav) > 0 {
		return append(slices.Clone(v.Nav), shop)
	}
	return []Link{{Label: "Orders", Href: "/admin/", Current: true}, {Label: "Analytics", Href: "/admin/analytics"}, {Label: "SQL", Href: "/admin/analytics/sql"}, shop}
}

func ogType(kind string) string {
	if kind == "product" {
		return "product"
	}
	return "website"
}

// siteData tells search engines the shop's name and how to search it, as schema.org has it.
func siteData(l Layout) string {
	if l.Canonical == "" {
		return ""
	}
	doc, err := json.Marshal(map[string]any{
		"@context": "https://schema.org", "@type": "WebSite", "name": "Meridian", "url": l.Canonical,
		"potentialAction": map[string]string{
			"@type": "SearchAction", "target": strings.TrimSuffix(l.Canonical, "/") + "/search?q={words}", "query-input": "required name=words",
		},
	})
	if err != nil {
		return ""
	}
	return string(doc)
}

// waitingTitle says how far it is in the tab, too: people wait in another one.
func waitingTitle(v Waiting) string {
	if v.Ahead != "" && !v.Join {
		return v.Ahead + " " + before(v.Ahead) + " - Meridian"
	}
	return v.Heading + " - Meridian"
}

func before(ahead string) string {
	if ahead == "1" {
		return "person is before you"
	}
	return "people are before you"
}
