package productcsv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

// word is text with what makes CSV hard: commas, quotes, accents, markup characters.
func word(r *rand.Rand) string {
	parts := []string{"teal", "12\" plate", "a,b", "Größe", "x;y", "=1+1", "日本", "<b>", "'", "-"}
	n := 1 + r.IntN(3)
	out := make([]string, n)
	for i := range out {
		out[i] = parts[r.IntN(len(parts))]
	}
	return strings.Join(out, " ")
}

func randomProduct(r *rand.Rand, i int) api.StaffProduct {
	p := api.StaffProduct{
		Handle: fmt.Sprintf("p-%d", i), Title: word(r), Vendor: word(r), Type: word(r), Status: []string{"active", "draft"}[r.IntN(2)],
		DescriptionHTML: CleanHTML("<p>" + word(r) + "</p>\n<ul><li>" + word(r) + "</li></ul>"),
		Tags:            []string{}, Options: []api.Option{}, Images: []api.StaffImage{}, Clips: []api.Clip{}, Collections: []string{},
	}
	for k := range r.IntN(4) {
		p.Tags = append(p.Tags, fmt.Sprintf("tag \"%d\"; x", k))
		p.Collections = append(p.Collections, fmt.Sprintf("c-%d", k))
	}
	for k := range r.IntN(5) {
		p.Images = append(p.Images, api.StaffImage{Asset: fmt.Sprintf("p-%d-%d.jpg", i, k), Alt: word(r)})
	}
	if r.IntN(5) == 0 {
		p.Clips = append(p.Clips, api.Clip{URL: "turn.mp4", Type: "video/mp4"})
	}
	names := []string{"Size", "Colour, outer", "Finish"}[:r.IntN(4)]
	combos := []map[string]string{{}}
	for _, n := range names {
		o := api.Option{Name: n}
		var next []map[string]string
		values := 1 + r.IntN(3)
		for v := range values {
			o.Values = append(o.Values, fmt.Sprintf("%s %d", n, v))
		}
		for _, c := range combos {
			for _, v := range o.Values {
				m := map[string]string{n: v}
				for k, x := range c {
					m[k] = x
				}
				next = append(next, m)
			}
		}
		p.Options, combos = append(p.Options, o), next
	}
	for k, c := range combos {
		v := api.StaffVariant{SKU: fmt.Sprintf("S-%d.%d", i, k), Options: c, OnHand: r.Int64N(200), Prices: map[string]int64{"EUR": r.Int64N(100_000)}, CompareAtPrices: map[string]int64{}}
		v.Title = variantTitle(names, c)
		if r.IntN(6) == 0 {
			v.Title = word(r)
		}
		for _, cur := range []string{"USD", "GBP"} {
			if r.IntN(2) == 0 {
				v.Prices[cur] = r.Int64N(100_000)
				v.CompareAtPrices[cur] = r.Int64N(maxMinor)
			}
		}
		p.Variants = append(p.Variants, v)
	}
	return p
}

func TestWriteThenParseIsTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 50 {
		var want []api.StaffProduct
		for i := range r.IntN(20) {
			want = append(want, randomProduct(r, i))
		}
		var file bytes.Buffer
		if err := Write(&file, want); err != nil {
			t.Fatal(err)
		}
		text := file.String()
		parsed, errs := Parse(&file, Limits{})
		if len(errs) > 0 {
			t.Fatalf("round %d: %v\n%s", round, errs, text)
		}
		if len(parsed) != len(want) {
			t.Fatalf("round %d: %d products of %d", round, len(parsed), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(parsed[i].StaffProduct, want[i]) {
				t.Fatalf("round %d:\ngot  %+v\nwant %+v", round, parsed[i].StaffProduct, want[i])
			}
		}
	}
}

func TestWriteRefusesAFourthOption(t *testing.T) {
	err := Write(&bytes.Buffer{}, []api.StaffProduct{{Handle: "x", Options: make([]api.Option, 4)}})
	if err == nil || !strings.Contains(err.Error(), "4 options") {
		t.Fatalf("got %v", err)
	}
}

func TestWriteKeepsTagsApart(t *testing.T) {
	var b bytes.Buffer
	p := api.StaffProduct{Handle: "x", Title: "X", Tags: []string{"a,b", "c"}, Variants: []api.StaffVariant{{SKU: "X", Prices: map[string]int64{"EUR": 1}}}}
	if err := Write(&b, []api.StaffProduct{p}); err != nil {
		t.Fatal(err)
	}
	got, errs := Parse(&b, Limits{})
	if len(errs) > 0 || !reflect.DeepEqual(got[0].Tags, []string{"a b", "c"}) {
		t.Fatalf("got %+v, %v", got, errs)
	}
}
