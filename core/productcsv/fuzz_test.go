package productcsv

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"meridian/api"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + line(nil)))
	f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(head, "\n", "\r\n") + line(map[string]string{"Option1 Name": "Size", "Option1 Value": "S", "Body (HTML)": "<p>a</p>"})))
	f.Add([]byte("Handle,Title,Variant SKU,Variant Price,Clip Src,Variant Title\nm,M,A,1,c.mp4,T\nm,,B,2.5,,\n"))
	f.Add([]byte(head + "mug,\"Mug,\xff\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		products, errs := Parse(bytes.NewReader(in), Limits{Bytes: 1 << 20, Rows: 1000})
		lines := bytes.Count(in, []byte("\n")) + 1
		for _, e := range errs {
			if e.Line < 1 || e.Line > lines || e.Message == "" {
				t.Fatalf("error %+v in a file of %d lines", e, lines)
			}
		}
		var staff []api.StaffProduct
		seen := map[string]bool{}
		for _, p := range products {
			if !validHandle(p.Handle) || p.Title == "" || len(p.Variants) == 0 || len(p.Variants) != len(p.SKULines) {
				t.Fatalf("not a whole product: %+v", p)
			}
			for _, v := range p.Variants {
				if !validSKU(v.SKU) || seen[v.SKU] || v.Prices["EUR"] < 0 || v.OnHand < 0 {
					t.Fatalf("not a sound variant: %+v", v)
				}
				seen[v.SKU] = true
			}
			staff = append(staff, p.StaffProduct)
		}
		var b bytes.Buffer
		if err := Write(&b, staff); err != nil {
			t.Fatal(err)
		}
		again, errs := Parse(&b, Limits{})
		if len(errs) > 0 || len(again) != len(staff) {
			t.Fatalf("own output refused: %v\n%s", errs, b.String())
		}
		for i := range staff {
			if !reflect.DeepEqual(again[i].StaffProduct, staff[i]) {
				t.Fatalf("changed on the way:\n%+v\n%+v", staff[i], again[i].StaffProduct)
			}
		}
	})
}

func FuzzCleanHTML(f *testing.F) {
	f.Add(`<p onclick=x>a</p><script>b</script><a href="javascript:c">d</a>`)
	f.Add("<table><tr><td colspan=2>x</td></tr></table>\r\n<p>&lt;script&gt;")
	f.Fuzz(func(t *testing.T, in string) {
		once := CleanHTML(in)
		low := strings.ToLower(once)
		for _, never := range []string{"<script", "<iframe", "<style", "<img", "<svg"} {
			if strings.Contains(low, never) {
				t.Fatalf("%q left in %q", never, once)
			}
		}
		if twice := CleanHTML(once); twice != once {
			t.Fatalf("cleaning twice differs:\n%q\n%q", once, twice)
		}
	})
}
