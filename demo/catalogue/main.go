package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"meridian/api"
	"meridian/core/productcsv"
)

func main() {
	dir := flag.String("dir", "demo", "the demo directory")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}

// picture is an entry of pictures/manifest.json.
type picture struct {
	Name    string   `json:"name"`
	Widths  []int    `json:"widths"`
	Formats []string `json:"formats"`
	Width   int      `json:"width"`
	Height  int      `json:"height"`
	Alt     string   `json:"alt"`
	Files   []string `json:"files"`
}

// clip is an entry of clips/manifest.json.
type clip struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Poster string `json:"poster"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

func write(dir string) error {
	have, err := present(dir)
	if err != nil {
		return err
	}
	var products []api.StaffProduct
	for _, f := range families() {
		products = append(products, f.products(have)...)
	}
	var csv bytes.Buffer
	if err := productcsv.Write(&csv, products); err != nil {
		return err
	}
	if _, errs := productcsv.Parse(bytes.NewReader(csv.Bytes()), productcsv.Limits{}); len(errs) > 0 {
		return fmt.Errorf("line %d, %s: %s (%d problems)", errs[0].Line, errs[0].Column, errs[0].Message, len(errs))
	}
	if err := os.WriteFile(filepath.Join(dir, "products.csv"), csv.Bytes(), 0o644); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "collections.json"), collections()); err != nil {
		return err
	}
	pictures, clips, err := manifests(dir, products)
	if err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "pictures", "manifest.json"), pictures); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "clips", "manifest.json"), clips); err != nil {
		return err
	}
	variants := 0
	for _, p := range products {
		variants += len(p.Variants)
	}
	fmt.Printf("%d products, %d variants, %d pictures, %d clips\n", len(products), variants, len(pictures), len(clips))
	return nil
}

func writeJSON(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
