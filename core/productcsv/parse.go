package productcsv

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"meridian/api"
)

var errTooLarge = errors.New("file too large")

// bounded reads at most left bytes and then fails, instead of ending quietly in the middle of a row.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

type parser struct {
	lim  Limits
	head header

	drafts []*draft
	byName map[string]*draft
	skus   map[string]int // SKU to the line it is first on
	errs   []api.ImportError
	hidden int // errors beyond lim.Errors
}

// Parse reads a whole file. It answers the products without any error, in the order of the file, and
// every error found; a caller that wants all or nothing looks at the errors first. An error that
// makes the rest unreadable (a broken quote, a file too large) is the last one.
func Parse(r io.Reader, lim Limits) ([]Product, []api.ImportError) {
	lim = lim.withDefaults()
	p := &parser{lim: lim, byName: map[string]*draft{}, skus: map[string]int{}}
	// One byte more than the limit tells a file at the limit from one above it.
	in := bufio.NewReaderSize(&bounded{r: r, left: lim.Bytes + 1}, 64<<10)
	if ok := p.skipMark(in); ok {
		p.rows(csv.NewReader(in))
	}
	var out []Product
	for _, d := range p.drafts {
		p.finish(d)
		if !d.bad {
			out = append(out, d.product)
		}
	}
	slices.SortStableFunc(p.errs, func(a, b api.ImportError) int {
		return cmp.Or(a.Line-b.Line, strings.Compare(a.Column, b.Column))
	})
	if p.hidden > 0 {
		last := p.errs[len(p.errs)-1].Line
		p.errs = append(p.errs, api.ImportError{Line: last, Message: fmt.Sprintf("%d more problems are not listed. Correct these first.", p.hidden)})
	}
	return out, p.errs
}

// skipMark drops a UTF-8 byte order mark and refuses the UTF-16 ones.
func (p *parser) skipMark(in *bufio.Reader) bool {
	b, _ := in.Peek(3)
	switch {
	case len(b) == 3 && string(b) == "\xef\xbb\xbf":
		_, _ = in.Discard(3)
	case len(b) >= 2 && (string(b[:2]) == "\xff\xfe" || string(b[:2]) == "\xfe\xff"):
		p.fail(1, "", "The file is UTF-16. Save it as CSV UTF-8.")
		return false
	}
	return true
}

func (p *parser) rows(in *csv.Reader) {
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	first, err := in.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			p.fail(1, "", "The file is empty. The first line must name the columns, as in Shopify's product export.")
		} else {
			p.broken(err)
		}
		return
	}
	head, errs := parseHeader(slices.Clone(first))
	if p.errs = append(p.errs, errs...); len(errs) > 0 {
		return
	}
	p.head = head
	for n := 0; ; n++ {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.broken(err)
			return
		}
		line, _ := in.FieldPos(0)
		if n >= p.lim.Rows {
			p.fail(line, "", "The file has more than %d rows. Split it.", p.lim.Rows)
			return
		}
		p.row(row{fields: fields, line: line, head: &p.head})
	}
}

// broken reports what ends the reading. The product the file breaks in is incomplete, so it is not returned.
func (p *parser) broken(err error) {
	line := 1
	var pe *csv.ParseError
	if n := len(p.drafts); n > 0 {
		p.drafts[n-1].bad = true
		line = p.drafts[n-1].lastLine
	}
	switch {
	case errors.Is(err, errTooLarge):
		p.fail(line, "", "The file is larger than %d MiB. Split it.", max(p.lim.Bytes>>20, 1))
	case errors.As(err, &pe) && errors.Is(pe.Err, csv.ErrQuote):
		p.fail(pe.StartLine, "", "A quotation mark is not closed or stands alone. Write quotation marks inside a value twice (\"\") and put the value in quotation marks. Nothing after this line was read.")
	case errors.As(err, &pe) && errors.Is(pe.Err, csv.ErrBareQuote):
		p.fail(pe.StartLine, "", "A quotation mark stands inside a value that is not in quotation marks. Write it twice (\"\") and put the value in quotation marks. Nothing after this line was read.")
	default:
		p.fail(line, "", "The file could not be read to its end. Send it again.")
	}
}

func (p *parser) fail(line int, col, format string, args ...any) {
	if len(p.errs) >= p.lim.Errors {
		p.hidden++
		return
	}
	p.errs = append(p.errs, api.ImportError{Line: line, Column: col, Message: fmt.Sprintf(format, args...)})
}

// row finds the product a row belongs to and adds what it says.
func (p *parser) row(r row) {
	if r.empty() {
		return
	}
	if r.overlong() {
		p.fail(r.line, "", "The row has %d values but there are %d columns. A value with a comma must stand in quotation marks.", len(r.fields), r.head.width)
		// The values cannot be trusted, but its product must not be imported without this row.
		if d := p.byName[r.get(colHandle)]; d != nil {
			d.bad = true
		}
		return
	}
	d := p.draftOf(r)
	if d == nil {
		return
	}
	d.lastLine = r.line
	s := &section{p: p, d: d, row: r}
	s.checkText()
	s.product()
	s.variant()
	s.pictures()
}

// draftOf answers the draft a row continues or starts; nil when the row belongs nowhere.
func (p *parser) draftOf(r row) *draft {
	handle, title := r.get(colHandle), r.get(colTitle)
	if handle == "" {
		if title == "" {
			p.fail(r.line, colHandle, "The row has neither a handle nor a title. Rows that add variants or pictures repeat the handle of their product.")
			return nil
		}
		handle = Handle(title)
		if handle == "" {
			p.fail(r.line, colHandle, "No handle can be made from the title %s. Give one of small letters, digits and hyphens.", quote(strings.ToValidUTF8(title, "�")))
			return nil
		}
		if d := p.byName[handle]; d != nil {
			p.fail(r.line, colTitle, "The title gives the handle %s, which the product on line %d has. Give another handle.", handle, d.product.Line)
			d.bad = true
			return nil
		}
		return p.start(handle, r)
	}
	if d := p.byName[handle]; d != nil {
		if title != "" && (title != d.product.Title || d != p.drafts[len(p.drafts)-1]) {
			p.fail(r.line, colHandle, "The handle %s is used by the product on line %d already. Rows that add to a product leave the title empty.", quote(handle), d.product.Line)
			d.bad = true
			return nil
		}
		return d
	}
	d := p.start(handle, r)
	if !validHandle(handle) {
		p.bad(d, r.line, colHandle, "%s is not a handle: use small letters, digits and hyphens, at most %d, for example %s.", quote(strings.ToValidUTF8(handle, "�")), maxHandle, exampleHandle(handle))
	}
	if title == "" {
		p.bad(d, r.line, colTitle, "The first row of a product needs a title.")
	}
	return d
}

func exampleHandle(s string) string {
	if h := Handle(s); h != "" {
		return h
	}
	return "teal-mug"
}

func (p *parser) start(handle string, r row) *draft {
	d := &draft{lastLine: r.line, first: true}
	d.product.Handle = handle
	d.product.Title = r.get(colTitle)
	d.product.Line = r.line
	p.drafts = append(p.drafts, d)
	p.byName[handle] = d
	return d
}

func (p *parser) bad(d *draft, line int, col, format string, args ...any) {
	d.bad = true
	p.fail(line, col, format, args...)
}
