package productcsv

import (
	"html"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// policy is built once because building compiles it; it is never changed afterwards.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "strong", "b", "em", "i", "ul", "ol", "li", "h2", "h3", "h4", "blockquote",
		"table", "thead", "tbody", "tr", "sub", "sup")
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[1-9][0-9]?$`)).OnElements("td", "th")
	p.AllowElements("td", "th")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("https", "http", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnFullyQualifiedLinks(true)
	return p
})

// CleanHTML keeps the text and the few elements a description needs (paragraphs, lists, emphasis,
// headings below the page's own, tables, links to http, https, mailto and the shop itself) and drops
// everything else, with the content of scripts and styles. Cleaning twice changes nothing more.
func CleanHTML(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.TrimSpace(policy().Sanitize(s))
}

// PlainText is the text of a description without its markup, for excerpts and search.
func PlainText(s string) string {
	t := bluemonday.StrictPolicy().AddSpaceWhenStrippingTag(true).Sanitize(s)
	return strings.Join(strings.Fields(html.UnescapeString(t)), " ")
}
