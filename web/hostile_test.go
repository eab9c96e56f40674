package web_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"meridian/web"
)

// spared are the fields that are documents of their own, or that choose what a page shows.
var spared = []string{"DescriptionHTML", "JSONLD", "Sorts", "Availability", "Role", "FlashKind"}

// poison puts text into every string of a value but the spared ones.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if !v.IsNil() {
			copied := reflect.New(v.Elem().Type())
			copied.Elem().Set(v.Elem())
			poison(copied.Elem(), text)
			v.Set(copied)
		}
	case reflect.Slice:
		copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(copied, v)
		for i := range copied.Len() {
			poison(copied.Index(i), text)
		}
		v.Set(copied)
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(spared, v.Type().Field(i).Name) {
				poison(v.Field(i), text)
			}
		}
	}
}

// shape lists the elements of a page and the names of their attributes: what text must not change.
// Drawings are left out: a colour's name decides whether there is a dot beside it.
func shape(t testing.TB, page []byte) []string {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Data == "svg" {
			return
		}
		if n.Type == html.ElementNode {
			entry := n.Data
			for _, a := range n.Attr {
				entry += " " + a.Key
				if (a.Key == "href" || a.Key == "action") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
					entry += " executable"
				}
			}
			out = append(out, entry)
		}
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			walk(k)
		}
	}
	walk(doc)
	return out
}

func poisoned(v web.View, text string) web.View {
	p := reflect.New(reflect.TypeOf(v))
	p.Elem().Set(reflect.ValueOf(v))
	poison(p.Elem(), text)
	return p.Elem().Interface().(web.View)
}

func hostileTexts() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='x`, `</script><b>`, `</title></style></textarea><i>`,
		`{"a":"</script><script>x()</script>"}`, `javascript:alert(1)`, `&lt;b&gt;`, "a\x00b", "\xff<b>", ` x`,
	}
}

// plainShapes are the shapes of all pages with a harmless word in every string: what they must stay
// whatever the text.
func plainShapes(t testing.TB, views []web.Canned) [][]string {
	t.Helper()
	var out [][]string
	for _, c := range views {
		out = append(out, shape(t, rendered(t, poisoned(c.View, `"word"`))))
	}
	return out
}

func TestHostileTextChangesNoPage(t *testing.T) {
	views := web.CannedViews()
	want := plainShapes(t, views)
	for i, c := range views {
		for _, text := range hostileTexts() {
			if !slices.Equal(shape(t, rendered(t, poisoned(c.View, text))), want[i]) {
				t.Errorf("%s: the text %q changed the page's elements", c.Name, text)
			}
		}
	}
}

// FuzzTextNeverBecomesMarkup renders a page with the same text in every string.
func FuzzTextNeverBecomesMarkup(f *testing.F) {
	views := web.CannedViews()
	want := plainShapes(f, views)
	for i, s := range hostileTexts() {
		f.Add(s, uint(i))
	}
	f.Fuzz(func(t *testing.T, text string, page uint) {
		if len(text) == 0 || len(text) > 1000 {
			return
		}
		i := int(page % uint(len(views)))
		if !slices.Equal(shape(t, rendered(t, poisoned(views[i].View, text))), want[i]) {
			t.Fatalf("%s: the text %q changed the page's elements", views[i].Name, text)
		}
	})
}

// What looks like the end of a script inside the product's data must not end the data block.
func TestProductDataStaysInItsBlock(t *testing.T) {
	for _, doc := range []string{`{"name":"</script><script>x()</script>"}`, `{"name":"<!--<script>"}`, `not JSON </script><b>`, ``} {
		v := cannedProduct(t)
		v.JSONLD = doc
		for _, p := range faults(rendered(t, v)) {
			t.Errorf("%q: %s", doc, p)
		}
	}
}

func cannedProduct(t *testing.T) web.Product {
	t.Helper()
	for _, c := range web.CannedViews() {
		if v, ok := c.View.(web.Product); ok {
			return v
		}
	}
	t.Fatal("there is no canned product")
	return web.Product{}
}
