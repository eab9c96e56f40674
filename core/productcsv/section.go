package productcsv

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"meridian/api"
)

// row is one record of the file.
type row struct {
	fields []string
	line   int
	head   *header
}

func (r row) get(col string) string {
	i, ok := r.head.at[col]
	if !ok || i >= len(r.fields) {
		return ""
	}
	return strings.TrimSpace(r.fields[i])
}

func (r row) empty() bool {
	return !slices.ContainsFunc(r.fields, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// overlong tells a value with a bare comma from trailing empty columns, which spreadsheets add.
func (r row) overlong() bool {
	return len(r.fields) > r.head.width && !row{fields: r.fields[r.head.width:]}.empty()
}

// draft is a product while its rows are read.
type draft struct {
	product  Product
	bad      bool
	first    bool // no row was added yet
	lastLine int
	options  []string // names, in order
	combos   map[string]int
	images   []placed
}

type placed struct {
	api.StaffImage
	position int
}

// section adds one row to its draft.
type section struct {
	p *parser
	d *draft
	row
}

func (s *section) bad(col, format string, args ...any) { s.p.bad(s.d, s.line, col, format, args...) }

// checkText refuses what is not text in any column we keep; what comes later may rely on it.
func (s *section) checkText() {
	for col, i := range s.head.at {
		if i >= len(s.fields) {
			continue
		}
		v := s.fields[i]
		if !utf8.ValidString(v) {
			s.bad(col, "%s: the text is not UTF-8. Save the file as CSV UTF-8.", col)
			s.fields[i] = ""
			continue
		}
		if col != colBody && strings.IndexFunc(strings.TrimSpace(v), func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0 {
			s.bad(col, "%s: the text has a line break or another control character in it. Remove it.", col)
			s.fields[i] = ""
		}
	}
}

// text is a value of limited length.
func (s *section) text(col string, limit int) string {
	v := s.get(col)
	if n := utf8.RuneCountInString(v); n > limit {
		s.bad(col, "%s: the text has %d characters, at most %d are possible.", col, n, limit)
		return ""
	}
	return v
}

// product takes what stands in the first row of a product only.
func (s *section) product() {
	d := s.d
	if !d.first {
		return
	}
	d.first = false
	p := &d.product
	p.Title = s.text(colTitle, maxText)
	p.Vendor = s.text(colVendor, maxText)
	p.Type = s.text(colType, maxText)
	if body := s.get(colBody); len(body) > maxBodyBytes {
		s.bad(colBody, "%s: the description has %d KiB, at most %d are possible.", colBody, len(body)>>10, maxBodyBytes>>10)
	} else {
		p.DescriptionHTML = CleanHTML(body)
	}
	p.Tags = s.list(colTags, ",", maxTags)
	p.Collections = s.list(colCollections, ";", maxCollections)
	for _, h := range p.Collections {
		if !validHandle(h) {
			s.bad(colCollections, "%s: %s is not the handle of a collection. Separate several with a semicolon.", colCollections, quote(h))
		}
	}
	p.Status = s.status()
	d.options = s.optionNames()
	d.combos = map[string]int{}
}

// list splits a value and drops empty and repeated parts.
func (s *section) list(col, sep string, limit int) []string {
	out := []string{}
	for part := range strings.SplitSeq(s.get(col), sep) {
		part = strings.TrimSpace(part)
		if part == "" || slices.Contains(out, part) {
			continue
		}
		if utf8.RuneCountInString(part) > maxText {
			s.bad(col, "%s: %s is longer than %d characters.", col, quote(part), maxText)
			return []string{}
		}
		if len(out) == limit {
			s.bad(col, "%s: more than %d values.", col, limit)
			return []string{}
		}
		out = append(out, part)
	}
	return out
}

func (s *section) status() string {
	status := "active"
	switch v := s.get(colStatus); strings.ToLower(v) {
	case "", "active":
	case "draft", "archived":
		status = "draft"
	default:
		s.bad(colStatus, "%s: %s is not active, draft or archived.", colStatus, quote(v))
	}
	switch v := s.get(colPublished); strings.ToLower(v) {
	case "", "true", "yes", "1":
	case "false", "no", "0":
		status = "draft"
	default:
		s.bad(colPublished, "%s: %s is not TRUE or FALSE.", colPublished, quote(v))
	}
	return status
}

func (s *section) optionNames() []string {
	var names []string
	for i, col := range optionNames {
		name := s.text(col, maxText)
		if name == "" {
			continue
		}
		if len(names) < i {
			s.bad(col, "%s is given but %s is not. Fill the options from the first.", col, optionNames[i-1])
			return nil
		}
		if slices.Contains(names, name) {
			s.bad(col, "%s: the option %s is there twice.", col, quote(name))
			return nil
		}
		names = append(names, name)
	}
	if len(names) == 1 && names[0] == noOptionName && s.get(optionValues[0]) == noOptionValue {
		return nil
	}
	return names
}

// pictures takes the picture and the clip of a row.
func (s *section) pictures() {
	if src := assetName(s.get(colImage)); src != "" {
		if utf8.RuneCountInString(src) > maxText {
			s.bad(colImage, "%s: the name of the picture is longer than %d characters.", colImage, maxText)
			return
		}
		img := placed{StaffImage: api.StaffImage{Asset: src, Alt: s.text(colAlt, maxAlt)}, position: len(s.d.images) + 1}
		if v := s.get(colPosition); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 10_000 {
				s.bad(colPosition, "%s: %s is not a position; the first picture has 1.", colPosition, quote(v))
			}
			img.position = n
		}
		if len(s.d.images) >= maxImages {
			s.bad(colImage, "%s: a product can have at most %d pictures.", colImage, maxImages)
			return
		}
		s.d.images = append(s.d.images, img)
	}
	if src := s.text(colClip, maxText); src != "" {
		if len(s.d.product.Clips) >= maxClips {
			s.bad(colClip, "%s: a product can have at most %d clips.", colClip, maxClips)
			return
		}
		s.d.product.Clips = append(s.d.product.Clips, api.Clip{URL: src, Type: "video/mp4"})
	}
}

// assetName takes the file name of an address, as Shopify exports it; other values are names already.
func assetName(src string) string {
	if !strings.HasPrefix(src, "https://") && !strings.HasPrefix(src, "http://") {
		return src
	}
	src, _, _ = strings.Cut(src, "?")
	return src[strings.LastIndexByte(src, '/')+1:]
}

// finish closes a product after its last row.
func (p *parser) finish(d *draft) {
	s := &d.product
	if len(s.Variants) == 0 && !d.bad {
		p.bad(d, s.Line, colSKU, "The product %s has nothing to sell: give at least one Variant SKU and Variant Price.", s.Handle)
	}
	slices.SortStableFunc(d.images, func(a, b placed) int { return a.position - b.position })
	s.Images = make([]api.StaffImage, len(d.images))
	for i, img := range d.images {
		s.Images[i] = img.StaffImage
	}
	if s.Clips == nil {
		s.Clips = []api.Clip{}
	}
	s.Options = []api.Option{}
	for _, name := range d.options {
		o := api.Option{Name: name}
		for _, v := range s.Variants {
			if val := v.Options[name]; !slices.Contains(o.Values, val) {
				o.Values = append(o.Values, val)
			}
		}
		s.Options = append(s.Options, o)
	}
}

// variantTitle is what a variant is called when nobody says otherwise.
func variantTitle(names []string, options map[string]string) string {
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = options[n]
	}
	return strings.Join(values, " / ")
}

func comboKey(names []string, options map[string]string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%q,", options[n])
	}
	return b.String()
}
