package main

import (
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"strings"
	"time"
)

// contactSheet puts the chosen shots side by side, to look at them before the long run.
func contactSheet(o options) error {
	var chosen []Shot
	for _, s := range shots() {
		for _, prefix := range strings.Split(o.only, ",") {
			if strings.HasPrefix(s.Name, prefix) {
				chosen = append(chosen, s)
				break
			}
		}
	}
	const columns = 6
	rows := (len(chosen) + columns - 1) / columns
	sheet := image.NewNRGBA(image.Rect(0, 0, columns*o.size, rows*o.size))
	for i, s := range chosen {
		began := time.Now()
		img := s.Model().photograph(s.View, o.size)
		at := image.Pt(i%columns*o.size, i/columns*o.size)
		draw.Draw(sheet, image.Rectangle{at, at.Add(image.Pt(o.size, o.size))}, img, image.Point{}, draw.Src)
		fmt.Printf("%-24s %s\n", s.Name, time.Since(began).Round(time.Millisecond))
	}
	f, err := os.Create(o.sheet)
	if err != nil {
		return fmt.Errorf("contact sheet: %w", err)
	}
	defer f.Close()
	if err := png.Encode(f, sheet); err != nil {
		return fmt.Errorf("contact sheet: %w", err)
	}
	return f.Close()
}
