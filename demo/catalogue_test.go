package demo_test

import (
	"bytes"
	"encoding/json"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/api"
	"meridian/core/productcsv"
)

type picture struct {
	Name    string
	Widths  []int
	Formats []string
	Width   int
	Height  int
	Alt     string
	Files   []string
}

type clip struct{ Name, File, Poster string }

func read[T any](t *testing.T, file string) T {
	t.Helper()
	var v T
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func products(t *testing.T) []productcsv.Product {
	t.Helper()
	b, err := os.ReadFile("products.csv")
	if err != nil {
		t.Fatal(err)
	}
	out, errs := productcsv.Parse(bytes.NewReader(b), productcsv.Limits{})
	for _, e := range errs {
		t.Errorf("line %d, %s: %s", e.Line, e.Column, e.Message)
	}
	return out
}

func TestTheCatalogueIsWhole(t *testing.T) {
	groups := map[string]int{}
	for _, c := range read[[]api.Collection](t, "collections.json") {
		if c.Title == "" || c.Description == "" {
			t.Errorf("collection %s says nothing", c.Handle)
		}
		groups[c.Handle] = 0
	}
	pictures := map[string]bool{}
	for _, p := range read[[]picture](t, "pictures/manifest.json") {
		pictures[p.Name] = true
	}
	clips := map[string]bool{}
	for _, c := range read[[]clip](t, "clips/manifest.json") {
		clips[c.Name] = true
	}
	all := products(t)
	soldOut, low := 0, 0
	texts := map[string]string{}
	for _, p := range all {
		if len(p.Images) == 0 {
			t.Errorf("%s has no picture", p.Handle)
		}
		for _, img := range p.Images {
			if !pictures[img.Asset] || img.Alt == "" {
				t.Errorf("%s: picture %q, alt %q", p.Handle, img.Asset, img.Alt)
			}
		}
		for _, c := range p.Clips {
			if !clips[c.URL] {
				t.Errorf("%s: clip %q", p.Handle, c.URL)
			}
		}
		if other := texts[p.DescriptionHTML]; other != "" {
			t.Errorf("%s and %s have the same description", p.Handle, other)
		}
		texts[p.DescriptionHTML] = p.Handle
		for _, c := range p.Collections {
			if _, ok := groups[c]; !ok {
				t.Errorf("%s: collection %q", p.Handle, c)
			}
			groups[c]++
		}
		var stock int64
		for _, v := range p.Variants {
			stock += v.OnHand
			if v.OnHand >= 1 && v.OnHand <= 4 {
				low++
			}
			if v.Prices["EUR"] <= 0 || v.Prices["USD"] <= 0 {
				t.Errorf("%s: prices %v", v.SKU, v.Prices)
			}
			for cur, was := range v.CompareAtPrices {
				if was <= v.Prices[cur] {
					t.Errorf("%s: %s was %d, is %d", v.SKU, cur, was, v.Prices[cur])
				}
			}
		}
		if stock == 0 {
			soldOut++
		}
	}
	if len(all) < 126 || len(groups) < 7 || soldOut < 8 || low < 12 {
		t.Errorf("%d products, %d collections, %d sold out, %d variants low", len(all), len(groups), soldOut, low)
	}
	for c, n := range groups {
		if n < 10 {
			t.Errorf("collection %s has %d products", c, n)
		}
	}
}

func TestTheFlashSaleHasItsHundred(t *testing.T) {
	for _, p := range products(t) {
		if p.Handle == "flash-mug" {
			if v := p.Variants[0]; len(p.Variants) != 1 || v.SKU != "FLASH-100" || v.OnHand != 100 {
				t.Errorf("got %+v", p.Variants)
			}
			return
		}
	}
	t.Error("there is no flash-mug")
}

func TestEveryPictureIsThere(t *testing.T) {
	listed := map[string]bool{}
	for _, p := range read[[]picture](t, "pictures/manifest.json") {
		for _, f := range p.Files {
			listed[f] = true
			b, err := os.ReadFile(filepath.Join("pictures", f))
			if err != nil {
				t.Error(err)
				continue
			}
			if strings.HasSuffix(f, ".avif") {
				if len(b) < 12 || string(b[4:12]) != "ftypavif" {
					t.Errorf("%s is not an AVIF", f)
				}
			} else if c, err := jpeg.DecodeConfig(bytes.NewReader(b)); err != nil || c.Width != c.Height {
				t.Errorf("%s: %v, %v", f, c, err)
			}
		}
		stem := strings.TrimSuffix(p.Name, ".jpg")
		if !listed[stem+"-640.jpg"] || !listed[stem+"-320.jpg"] || !listed[stem+"-640.avif"] || !listed[stem+"-320.avif"] {
			t.Errorf("%s lacks a rendition: %v", p.Name, p.Files)
		}
	}
	for _, c := range read[[]clip](t, "clips/manifest.json") {
		b, err := os.ReadFile(filepath.Join("clips", c.File))
		if err != nil || len(b) > 300<<10 {
			t.Errorf("%s: %d bytes, %v", c.File, len(b), err)
		}
	}
	var total int64
	err := filepath.WalkDir("pictures", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Name() != "manifest.json" && !listed[d.Name()] {
			t.Errorf("%s belongs to no product", path)
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil || total > 12<<20 {
		t.Errorf("pictures take %d bytes, %v", total, err)
	}
}
