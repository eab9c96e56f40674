package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"meridian/api"
)

var rendition = regexp.MustCompile(`^(.+)-(\d+)\.(avif|jpg)$`)

// present names the pictures and clips that were rendered, by their asset names.
func present(dir string) (map[string]bool, error) {
	have := map[string]bool{}
	files, err := os.ReadDir(filepath.Join(dir, "pictures"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		// The smallest AVIF is written last, so it marks a whole set.
		if name, ok := strings.CutSuffix(f.Name(), "-320.avif"); ok {
			have[name+".jpg"] = true
		}
	}
	clips, err := os.ReadDir(filepath.Join(dir, "clips"))
	if err != nil {
		return nil, err
	}
	for _, f := range clips {
		if strings.HasSuffix(f.Name(), ".mp4") {
			have[f.Name()] = true
		}
	}
	return have, nil
}

// manifests lists the files of every picture and clip that a product shows.
func manifests(dir string, products []api.StaffProduct) ([]picture, []clip, error) {
	files, err := os.ReadDir(filepath.Join(dir, "pictures"))
	if err != nil {
		return nil, nil, err
	}
	sets := map[string][]string{}
	for _, f := range files {
		if m := rendition.FindStringSubmatch(f.Name()); m != nil {
			sets[m[1]+".jpg"] = append(sets[m[1]+".jpg"], f.Name())
		}
	}
	var pictures []picture
	var clips []clip
	for _, p := range products {
		for _, img := range p.Images {
			pic, err := describe(img, sets[img.Asset])
			if err != nil {
				return nil, nil, err
			}
			pictures = append(pictures, pic)
		}
		for _, c := range p.Clips {
			clips = append(clips, clip{Name: c.URL, File: c.URL, Poster: p.Handle + "-1.jpg", Width: 640, Height: 640})
		}
	}
	return pictures, clips, nil
}

func describe(img api.StaffImage, files []string) (picture, error) {
	pic := picture{Name: img.Asset, Alt: img.Alt, Files: files}
	for _, f := range files {
		m := rendition.FindStringSubmatch(f)
		w, err := strconv.Atoi(m[2])
		if err != nil {
			return pic, fmt.Errorf("%s: %w", f, err)
		}
		if !slices.Contains(pic.Widths, w) {
			pic.Widths = append(pic.Widths, w)
		}
		if !slices.Contains(pic.Formats, m[3]) {
			pic.Formats = append(pic.Formats, m[3])
		}
		pic.Width = max(pic.Width, w)
	}
	pic.Height = pic.Width // all of them are square
	slices.Sort(pic.Widths)
	slices.Sort(pic.Formats)
	slices.SortFunc(pic.Files, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	return pic, nil
}
