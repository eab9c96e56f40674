package productcsv

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"meridian/api"
)

const head = "Handle,Title,Body (HTML),Vendor,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Variant Compare At Price,Price / USD,Image Src,Image Position,Image Alt Text,Status,Collections\n"

// line builds a row under head from the columns that matter to a case.
func line(set map[string]string) string {
	row := map[string]string{"Handle": "mug", "Title": "Mug", "Variant SKU": "MUG-1", "Variant Price": "12.90"}
	for k, v := range set {
		row[k] = v
	}
	var cells []string
	for _, c := range strings.Split(strings.TrimSpace(head), ",") {
		cells = append(cells, `"`+strings.ReplaceAll(row[c], `"`, `""`)+`"`)
	}
	return strings.Join(cells, ",") + "\n"
}

func TestParseGroupsRowsIntoProducts(t *testing.T) {
	file := "\xef\xbb\xbf" + strings.ReplaceAll(head+
		`teal-mug,Teal Mug,"<p>Good.</p><script>x()</script>",Kiln,"tea, stoneware,tea",Size,Small,MUG-S,4,12.90,15,14.00,teal-2.jpg,2,Side,active,ceramics;kitchen`+"\n"+
		`teal-mug,,,,,,Large,MUG-L,0,16.50,,,https://cdn.example/files/teal-1.jpg?v=3,1,Front,,`+"\n"+
		`teal-mug,,,,,,,,,,,,teal-3.jpg,3,"Glaze, close",,`+"\n"+
		`,Flåsk & Cup,,,,Title,Default Title,FLASK,7,0.5,,,,,,draft,`+"\n", "\n", "\r\n")
	got, errs := Parse(strings.NewReader(file), Limits{})
	if len(errs) != 0 {
		t.Fatalf("errors: %v", errs)
	}
	want := []Product{{
		Line: 2, SKULines: []int{2, 3},
		StaffProduct: api.StaffProduct{
			Handle: "teal-mug", Title: "Teal Mug", DescriptionHTML: "<p>Good.</p>", Vendor: "Kiln", Tags: []string{"tea", "stoneware"}, Status: "active",
			Options: []api.Option{{Name: "Size", Values: []string{"Small", "Large"}}},
			Images:  []api.StaffImage{{Asset: "teal-1.jpg", Alt: "Front"}, {Asset: "teal-2.jpg", Alt: "Side"}, {Asset: "teal-3.jpg", Alt: "Glaze, close"}},
			Clips:   []api.Clip{}, Collections: []string{"ceramics", "kitchen"},
			Variants: []api.StaffVariant{
				{SKU: "MUG-S", Title: "Small", Options: map[string]string{"Size": "Small"}, OnHand: 4, Prices: map[string]int64{"EUR": 1290, "USD": 1400}, CompareAtPrices: map[string]int64{"EUR": 1500}},
				{SKU: "MUG-L", Title: "Large", Options: map[string]string{"Size": "Large"}, Prices: map[string]int64{"EUR": 1650}, CompareAtPrices: map[string]int64{}},
			},
		},
	}, {
		Line: 5, SKULines: []int{5},
		StaffProduct: api.StaffProduct{
			Handle: "flask-and-cup", Title: "Flåsk & Cup", Tags: []string{}, Status: "draft", Options: []api.Option{}, Images: []api.StaffImage{}, Clips: []api.Clip{}, Collections: []string{},
			Variants: []api.StaffVariant{{SKU: "FLASK", Options: map[string]string{}, OnHand: 7, Prices: map[string]int64{"EUR": 50}, CompareAtPrices: map[string]int64{}}},
		},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseRefusesWithASentence(t *testing.T) {
	ok := line(nil)
	cases := []struct {
		name, file string
		line       int
		column     string
		says       string
	}{
		{"empty", "", 1, "", "The file is empty"},
		{"semicolons", "Handle;Title;Variant SKU;Variant Price\nmug;Mug;M;1\n", 1, "", "separated by semicolons"},
		{"utf-16", "\xff\xfeH\x00", 1, "", "UTF-16"},
		{"missing column", "Handle,Title,Variant SKU\nmug,Mug,M\n", 1, "Variant Price", "The column Variant Price is missing"},
		{"column twice", "Handle,Title,Variant SKU,Variant Price,title\n", 1, "Title", "is there twice"},
		{"yen", "Handle,Title,Variant SKU,Variant Price,Price / JPY\n", 1, "Price / JPY", "not supported"},
		{"decimal comma", head + line(map[string]string{"Variant Price": "12,90"}), 2, "Variant Price", "Variant Price: 12,90 is not a number with a point, for example 12.90."},
		{"thousands", head + line(map[string]string{"Variant Price": "€1.299,00"}), 2, "Variant Price", "for example 1299.00"},
		{"negative price", head + line(map[string]string{"Variant Price": "-1"}), 2, "Variant Price", "-1 is negative"},
		{"three decimals", head + line(map[string]string{"Price / USD": "1.999"}), 2, "Price / USD", "1.999 has more than two decimals; give cents, for example 1.99."},
		{"huge price", head + line(map[string]string{"Variant Price": "99999999999999999999"}), 2, "Variant Price", "too large"},
		{"no price", head + line(map[string]string{"Variant Price": ""}), 2, "Variant Price", "is missing"},
		{"no sku", head + line(map[string]string{"Variant SKU": ""}), 2, "Variant SKU", "is missing"},
		{"bad sku", head + line(map[string]string{"Variant SKU": "A B"}), 2, "Variant SKU", "A B is not a SKU"},
		{"sku twice", head + ok + line(map[string]string{"Handle": "cup"}), 3, "Variant SKU", "MUG-1 is on line 2 already"},
		{"handle", head + line(map[string]string{"Handle": "Teal Mug"}), 2, "Handle", "for example teal-mug."},
		{"handle twice", head + ok + line(map[string]string{"Handle": "cup", "Variant SKU": "C"}) + line(map[string]string{"Variant SKU": "D"}), 4, "Handle", "used by the product on line 2"},
		{"derived handle twice", head + ok + line(map[string]string{"Handle": "", "Variant SKU": "D"}), 3, "Title", "gives the handle mug"},
		{"nameless", head + line(map[string]string{"Handle": "", "Title": ""}), 2, "Handle", "neither a handle nor a title"},
		{"no latin letters", head + line(map[string]string{"Handle": "", "Title": "***"}), 2, "Handle", "No handle can be made"},
		{"no title", head + line(map[string]string{"Title": ""}), 2, "Title", "needs a title"},
		{"negative stock", head + line(map[string]string{"Variant Inventory Qty": "-4"}), 2, "Variant Inventory Qty", "stock is 0 or more"},
		{"odd stock", head + line(map[string]string{"Variant Inventory Qty": "few"}), 2, "Variant Inventory Qty", "not a whole number"},
		{"no variant", head + line(map[string]string{"Variant SKU": "", "Variant Price": ""}), 2, "Variant SKU", "nothing to sell"},
		{"second variant without options", head + ok + line(map[string]string{"Title": "", "Variant SKU": "B"}), 3, "Variant SKU", "no options to tell them apart"},
		{"same combination", head + line(map[string]string{"Option1 Name": "Size", "Option1 Value": "S"}) + line(map[string]string{"Title": "", "Variant SKU": "B", "Option1 Value": "S"}), 3, "Option1 Value", "The variant S is on line 2"},
		{"missing option value", head + line(map[string]string{"Option1 Name": "Size"}), 2, "Option1 Value", "is missing"},
		{"value without name", head + line(map[string]string{"Option1 Value": "S"}), 2, "Option1 Value", "names no such option"},
		{"not utf-8", head + line(map[string]string{"Title": "M\xfcg"}), 2, "Title", "not UTF-8"},
		{"line break", head + line(map[string]string{"Title": "Mug\nTeal"}), 2, "Title", "line break"},
		{"status", head + line(map[string]string{"Status": "live"}), 2, "Status", "live is not active, draft or archived"},
		{"position", head + line(map[string]string{"Image Src": "a.jpg", "Image Position": "first"}), 2, "Image Position", "first is not a position"},
		{"collection", head + line(map[string]string{"Collections": "Ceramics, Kitchen"}), 2, "Collections", "not the handle of a collection"},
		{"bare comma", head + "mug,Mug" + strings.Repeat(",", 20) + "x\n", 2, "", "comma must stand in quotation marks"},
		{"open quote", head + ok + `cup,"Cup,,` + "\n", 3, "", "quotation mark is not closed"},
		{"bare quote", head + `mug,6" Mug,,` + "\n", 2, "", "stands inside a value"},
		{"long title", head + line(map[string]string{"Title": strings.Repeat("m", 256)}), 2, "Title", "256 characters, at most 255"},
		{"long body", head + line(map[string]string{"Body (HTML)": strings.Repeat("m", maxBodyBytes+1)}), 2, "Body (HTML)", "at most 64"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			products, errs := Parse(strings.NewReader(c.file), Limits{})
			if len(errs) != 1 {
				t.Fatalf("want one error, got %v", errs)
			}
			e := errs[0]
			if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Message, c.says) {
				t.Fatalf("got line %d, column %q: %s\nwant line %d, column %q: …%s…", e.Line, e.Column, e.Message, c.line, c.column, c.says)
			}
			for _, p := range products {
				if p.Line == c.line {
					t.Fatalf("the product with the error was returned: %+v", p)
				}
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	many := func(n int) string {
		b := head + line(map[string]string{"Option1 Name": "Size", "Option1 Value": "0"})
		for i := 1; i < n; i++ {
			b += line(map[string]string{"Title": "", "Option1 Value": fmt.Sprint(i), "Variant SKU": fmt.Sprint("M-", i)})
		}
		return b
	}
	cases := []struct {
		name string
		file string
		lim  Limits
		says string
	}{
		{"variants", many(101), Limits{}, "more than 100 variants"},
		{"rows", many(11), Limits{Rows: 10}, "more than 10 rows"},
		{"bytes", many(50), Limits{Bytes: 1000}, "larger than 1 MiB"},
		{"errors", head + strings.Repeat(line(map[string]string{"Handle": "", "Title": ""}), 30), Limits{Errors: 5}, "25 more problems are not listed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, errs := Parse(strings.NewReader(c.file), c.lim)
			if len(errs) == 0 || !strings.Contains(errs[len(errs)-1].Message, c.says) {
				t.Fatalf("want …%s…, got %v", c.says, errs)
			}
		})
	}
	if got, errs := Parse(strings.NewReader(many(100)), Limits{Rows: 100, Bytes: int64(len(many(100)))}); len(got) != 1 || len(errs) != 0 {
		t.Fatalf("at the limits: %d products, %v", len(got), errs)
	}
}

func TestHandle(t *testing.T) {
	for title, want := range map[string]string{
		"Teal Mug": "teal-mug", "  Ångström's Lamp (No. 2) ": "angstroms-lamp-no-2", "Größe & Form": "grosse-and-form", "日本": "",
		strings.Repeat("a-", 100): strings.Repeat("a-", 64)[:127],
	} {
		if got := Handle(title); got != want {
			t.Errorf("Handle(%q) = %q, want %q", title, got, want)
		}
	}
}

func TestCleanHTML(t *testing.T) {
	for in, want := range map[string]string{
		`<p onclick="x()">Hi <b>you</b></p>`:                "<p>Hi <b>you</b></p>",
		`<script>alert(1)</script>ok`:                       "ok",
		`<a href="javascript:alert(1)">x</a>`:               "x",
		`<a href="/collections/desk">desk</a>`:              `<a href="/collections/desk">desk</a>`,
		`<img src=x onerror=alert(1)>`:                      "",
		`<style>p{}</style><iframe src="//e"></iframe><p>a`: "<p>a",
		"a\r\nb": "a\nb",
	} {
		if got := CleanHTML(in); got != want {
			t.Errorf("CleanHTML(%q) = %q, want %q", in, got, want)
		}
	}
	if got := PlainText("<p>One</p><p>Two &amp; three</p>"); got != "One Two & three" {
		t.Errorf("PlainText = %q", got)
	}
}
